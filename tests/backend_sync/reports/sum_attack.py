"""An attacker of published tables: writes every sum down as an equation and solves the system.

Gaussian elimination over fractions, so exact; he knows nothing but what is public. Written apart
from `suppression.py`: it knows no graph, no price and no k.
"""

from fractions import Fraction

TOTAL = -1


def solved(public):
    """Return {place: figure} of every withheld cell that the sums give away.

    `public` is {(row, column): figure, None where it is withheld}, totals under TOTAL.
    """
    unknown = sorted(place for place, figure in public.items() if figure is None)
    at = {place: column for column, place in enumerate(unknown)}
    matrix = []
    for axis in (0, 1):
        for line in sorted({place[axis] for place in public}):
            row = [Fraction(0)] * (len(unknown) + 1)
            for place, figure in public.items():
                if place[axis] == line:
                    sign = -1 if place[1 - axis] == TOTAL else 1
                    if figure is None:
                        row[at[place]] += sign
                    else:
                        row[-1] -= sign * figure
            matrix.append(row)
    eliminate(matrix, len(unknown))
    found = {}
    for row in matrix:
        used = [column for column in range(len(unknown)) if row[column]]
        if len(used) == 1:
            found[unknown[used[0]]] = row[-1] / row[used[0]]
    return found


def eliminate(matrix, width):
    """Bring the rows into reduced echelon form."""
    top = 0
    for column in range(width):
        pivot = next((r for r in range(top, len(matrix)) if matrix[r][column]), None)
        if pivot is None:
            continue
        matrix[top], matrix[pivot] = matrix[pivot], matrix[top]
        lead = matrix[top][column]
        matrix[top] = [cell / lead for cell in matrix[top]]
        for r, row in enumerate(matrix):
            if r != top and row[column]:
                factor = row[column]
                matrix[r] = [a - factor * b for a, b in zip(row, matrix[top], strict=True)]
        top += 1
