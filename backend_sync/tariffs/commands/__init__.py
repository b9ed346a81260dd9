"""The commands of `tornello tariff`, one module each: add_options(parser), run(options).

`main.py` has the table. A command returns 0 when the thing was done or nothing was found, 1 when
something was found wrong or could not be done; a wrong use ends with 2.
"""
