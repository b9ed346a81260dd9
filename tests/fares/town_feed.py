"""The feed of a drawn town: a few stops, and trips up, down, past a zone and to and fro."""

STARTS = ("03:50", "06:55", "08:52", "13:50", "16:52", "22:52", "23:57", "24:10", "25:30", "27:52")


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def write_feed(folder, zones, neighbour, starts=STARTS):
    """Write the stops and trips of a town; return the stop ids."""
    zone = lambda letter: letter if letter in zones else zones[-1]
    stops = {"a1": zone("A"), "a2": zone("A"), "ab": zone("A"), "b1": zone("B"), "b2": zone("B")}
    stops |= {"c1": zone("C"), "cd": zone("C"), "d1": zone("D"), "e1": zone("E")}
    if neighbour:
        stops |= {"x1": "X", "y1": "Y"}
    up = [stop for stop in stops if stop != "b2"]
    patterns = {
        "up": up,
        "down": up[::-1],
        "skip": ["a1", "c1", "d1"],
        "zigzag": ["b1", "c1", "b2", "c1", "d1"],
        "inner": ["a2", "ab", "b1"],
    }
    trips, calls = [], []
    for line, (pattern, called) in enumerate(patterns.items()):
        for start in starts:
            trip = f"{pattern}-{start.replace(':', '')}"
            trips.append(f"r{line % 2 + 1},all,{trip},{line % 2}")
            hours, minutes = (int(part) for part in start.split(":"))
            for place, stop in enumerate(called):
                time = hours * 60 + minutes + 4 * place
                clock = f"{time // 60:02}:{time % 60:02}:00"
                calls.append(f"{trip},{clock},{clock},{stop},{place + 1}")
    files = {
        "agency.txt": ["agency_id,agency_name,agency_url,agency_timezone"],
        "stops.txt": ["stop_id,stop_name,stop_lat,stop_lon,zone_id"],
        "routes.txt": ["route_id,agency_id,route_short_name,route_type"],
        "trips.txt": ["route_id,service_id,trip_id,direction_id", *trips],
        "stop_times.txt": ["trip_id,arrival_time,departure_time,stop_id,stop_sequence", *calls],
        "calendar.txt": [
            "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date",
            "all,1,1,1,1,1,1,1,20250101,20251231",
            "school-a,1,1,1,1,1,0,0,20250107,20250530",
            "school-b,1,1,1,1,0,0,0,20250113,20250523",
        ],
        "calendar_dates.txt": [
            "service_id,date,exception_type",
            "school-a,20250418,2",
            "school-b,20250215,1",
        ],
    }
    files["agency.txt"] += ["op1,One,http://one.example,Europe/Helsinki"]
    files["agency.txt"] += ["op2,Two,http://two.example,Europe/Helsinki"]
    files["routes.txt"] += ["r1,op1,1,3", "r2,op2,2,3"]
    files["stops.txt"] += [
        f"{stop},{stop.upper()},61.{place:02},27.{place:02},{name}"
        for place, (stop, name) in enumerate(stops.items())
    ]
    for name, lines in files.items():
        write(folder / name, "\n".join(lines) + "\n")
    return list(stops)
