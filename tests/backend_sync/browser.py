"""A headless Chromium for tests of pages, driven over its DevTools pipe.

Two file descriptors, messages of JSON that end in a zero byte: no further package is needed.
"""

import json
import os
import subprocess
import sys
from base64 import b64decode

FLAGS = ("--headless=new", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-dev-shm-usage", "--no-sandbox")  # fmt: skip
# Chromium takes its commands from descriptor 3 and answers on 4.
START = """import os, sys
from fcntl import F_DUPFD, fcntl
command, answer = (fcntl(int(number), F_DUPFD, 10) for number in sys.argv[1:3])
os.dup2(command, 3)
os.dup2(answer, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
KEYS = {"Tab": {"windowsVirtualKeyCode": 9},
        "Enter": {"windowsVirtualKeyCode": 13, "text": "\r"},
        "ArrowDown": {"windowsVirtualKeyCode": 40}}  # fmt: skip
TABS_MOST = 60
SIZES = {"wide": (1200, 900), "phone": (390, 844)}
# WCAG 2.1: 1.3.1, 2.4.1, 2.4.2, 2.4.4, 3.1.1, 3.3.2, 4.1.2, and 1.4.3 where the page sets colours.
FAULTS = """(() => {
  const found = [], all = (what) => [...document.querySelectorAll(what)];
  const say = (is_wrong, words) => { if (is_wrong) found.push(words); };
  const light = (colour) => {
    const parts = colour.match(/[0-9.]+/g).slice(0, 3).map((part) => {
      const value = part / 255;
      return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (/^rgb\\(/.test(colour)) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  say(!document.documentElement.lang, "the page has no language");
  say(!document.title.trim(), "the page has no title");
  say(all("main").length !== 1, "wanted one main landmark");
  say(all("h1").length !== 1, `wanted one h1, found ${all("h1").length}`);
  say(!all("a.skip[href='#content']").length, "no link past the menu");
  for (const nav of all("nav")) say(!nav.getAttribute("aria-label"), "a nav without a name");
  for (const field of all("input:not([type=hidden]), select, textarea"))
    say(!field.labels.length, `field ${field.name} has no label`);
  for (const button of all("button"))
    say(!button.textContent.trim() && !button.getAttribute("aria-label"), "a nameless button");
  for (const link of all("a")) say(!link.textContent.trim(), `link ${link.href} has no words`);
  for (const image of all("svg, img"))
    say(!(image.getAttribute("aria-labelledby") || "").split(" ").some((id) =>
      document.getElementById(id)) && !image.alt && !image.ariaHidden, "a picture untold");
  for (const table of all("table:not(.slip)")) {
    say(!table.caption, "a table without a caption");
    say(!table.querySelector("th[scope=col]"), "a table whose columns have no heads");
  }
  for (const field of all("[aria-describedby]"))
    for (const id of field.getAttribute("aria-describedby").trim().split(/ +/))
      say(!document.getElementById(id), `described by ${id}, which is not there`);
  const ids = all("[id]").map((one) => one.id);
  say(new Set(ids).size !== ids.length, "two elements with one id");
  for (const one of all("p, dt, dd, td, th, a, button, label, legend, h1, h2, small, summary")) {
    if (!one.innerText || !one.offsetParent) continue;
    const [a, b] = [light(getComputedStyle(one).color), light(behind(one))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    say(contrast < 4.5, `${one.tagName} "${one.innerText.slice(0, 20)}": ${contrast.toFixed(1)}`);
  }
  return found;
})()"""


class Browser:
    """One page of a Chromium of its own; every wait is for something that the page says."""

    def __init__(self, program, folder):
        command, self.commands = os.pipe()
        self.answers, answer = os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, "-c", START, str(command), str(answer), program, *FLAGS,
             f"--user-data-dir={folder}", "about:blank"],
            pass_fds=(command, answer), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(command)
        os.close(answer)
        self.read, self.number, self.session, self.loaded = b"", 0, None, 0
        self.shown, self.requests, self.complaints, self.downloaded = 0, [], [], []
        target = next(one for one in self.say("Target.getTargets")["targetInfos"]
                      if one["type"] == "page")  # fmt: skip
        words = {"targetId": target["targetId"], "flatten": True}
        self.session = self.say("Target.attachToTarget", **words)["sessionId"]
        for domain in ("Page", "Network", "Log"):
            self.say(f"{domain}.enable")

    def say(self, method, **words):
        """Send a command; return its result."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": words}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        while (heard := self.hear()).get("id") != self.number:
            pass
        assert "error" not in heard, heard
        return heard["result"]

    def hear(self):
        while b"\0" not in self.read:
            part = os.read(self.answers, 1 << 20)
            assert part, "the browser is gone"
            self.read += part
        line, _, self.read = self.read.partition(b"\0")
        message = json.loads(line)
        self._note(message.get("method"), message.get("params", {}))
        return message

    def _note(self, event, said):
        """Keep what happened: pages loaded, addresses asked, complaints of the browser, files."""
        self.loaded += event == "Page.loadEventFired"
        self.shown += event == "Page.frameNavigated"
        if event == "Network.requestWillBeSent":
            self.requests.append(said["request"]["url"])
        elif event == "Log.entryAdded" and said["entry"]["source"] != "network":
            self.complaints.append(said["entry"]["text"])
        elif event == "Browser.downloadProgress" and said["state"] != "inProgress":
            assert said["state"] == "completed", said
            self.downloaded.append(said["guid"])

    def then(self, act):
        """Do what leads to another page, and wait until that is there."""
        before = self.loaded
        act()
        while self.loaded == before:
            self.hear()

    def go(self, url):
        self.then(lambda: self.say("Page.navigate", url=url))

    def back(self):
        """Go back as the browser's own button does: a page that was kept is not loaded again."""
        before = self.shown
        self.js("history.back()")
        while self.shown == before:
            self.hear()

    def js(self, text):
        found = self.say("Runtime.evaluate", expression=text, returnByValue=True,
                         awaitPromise=True)  # fmt: skip
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def download(self, link, folder):
        """Press Enter on the link to a file, and return its bytes once it is there."""
        self.say("Browser.setDownloadBehavior", behavior="allowAndName", downloadPath=str(folder),
                 eventsEnabled=True)  # fmt: skip
        self.js(f"document.querySelector({json.dumps(link)}).focus()")
        before = len(self.downloaded)
        self.press("Enter")
        while len(self.downloaded) == before:
            self.hear()
        return (folder / self.downloaded[-1]).read_bytes()

    def text(self, element):
        """Return what a reader sees of the first element that a selector names."""
        return self.js(f"document.querySelector({json.dumps(element)}).innerText")

    def sees(self, element):
        return self.js(f"!!document.querySelector({json.dumps(element)})")

    def tab_to(self, element):
        """Press Tab until an element has the focus, as one without a mouse does."""
        for _ in range(TABS_MOST):
            self.press("Tab")
            if self.js(f"document.activeElement.matches({json.dumps(element)})"):
                return
        raise AssertionError(f"{TABS_MOST} times Tab do not lead to {element}")

    def wait_for_focus(self, element):
        """Wait until the page has put the focus where it begins: it does so once it is painted."""
        while not self.js(f"document.activeElement.matches({json.dumps(element)})"):
            self.js("new Promise(requestAnimationFrame)")

    def type(self, text):
        """Write into what has the focus."""
        self.say("Input.insertText", text=text)

    def type_keys(self, digits):
        """Press digits one by one, as a field for a date wants them."""
        for digit in digits:
            key = {"key": digit, "text": digit, "windowsVirtualKeyCode": ord(digit)}
            for kind in ("keyDown", "keyUp"):
                self.say("Input.dispatchKeyEvent", type=kind, **key)

    def write(self, field, text):
        """Type into a field, as a person at the keyboard does."""
        self.js(f"document.querySelector({json.dumps(field)}).focus()")
        self.say("Input.insertText", text=text)

    def enter(self):
        """Press Enter in the field that has the focus: the form is sent without a mouse."""
        self.then(lambda: self.press("Enter"))

    def look(self, size, scheme="light"):
        """Look from a screen of this size; return how many pixels the page is too wide for it."""
        width, height = SIZES[size]
        self.say("Emulation.setDeviceMetricsOverride", width=width, height=height,
                 deviceScaleFactor=1, mobile=size == "phone")  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": scheme}
        self.say("Emulation.setEmulatedMedia", features=[scheme])
        return self.js("document.documentElement.scrollWidth") - width  # a phone would zoom out

    def picture(self, path, size, scheme):
        """Keep a screenshot of the whole page; return how many pixels it is too wide."""
        over = self.look(size, scheme)
        shot = self.say("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(b64decode(shot["data"]))
        return over

    def pages_printed(self):
        """Return the PDF that printing the page makes."""
        return b64decode(self.say("Page.printToPDF", printBackground=False)["data"])

    def press(self, name):
        """Press a key such as Tab."""
        key = {"key": name, "code": name, **KEYS[name]}
        for kind in ("keyDown", "keyUp"):
            self.say("Input.dispatchKeyEvent", type=kind, **key)

    def faults(self):
        """Return what a reader by ear or keyboard would miss on the page, in sentences."""
        return self.js(FAULTS)

    def close(self):
        self.process.terminate()
        self.process.wait()
        os.close(self.commands)
        os.close(self.answers)
