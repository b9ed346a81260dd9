"""What a sold product gives back: pro rata, integers only, rounded down for the seller.

Source: tariff-model.md section 3.3 (refund); R-11, X-8.
"""


def refund_cents(price, fee, void, used, total):
    """Return the cents given back for a product of which `used` of `total` units are used.

    Units: service days of a season, travel days of a flex season, rides of a pack. `void`: it was
    sold so short ago that the sale is undone, without a fee, if nothing is used. A product without
    units (total 0) and one whose units are used up give nothing.
    """
    if void and not used:
        return price
    if total <= 0:
        return 0
    return max(price * (total - used) // total - fee, 0)


def days_used(start, length, day):
    """Return (used, total) service days of a season on service day `day`; start 0 = not started."""
    if not start:
        return 0, length
    used = day - start + 1
    return min(max(used, 0), length), length


def best_price_refund(cents_left, threshold):
    """Return (used, total) of a product with a cap: once the threshold is met nothing is left."""
    return threshold - cents_left, threshold
