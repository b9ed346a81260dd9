"""Four eyes: what one person asks for and another one agrees to, once and not for long.

Large hotlists, use of keys, refunds above a limit, questions about a fraud. Who carries it out asks
`needed`, and if so `take`s the approved proposal: with the same content, once.
Source: X-14; trust.md section 5.
"""

from hashlib import sha256
from typing import Any, NamedTuple

from backend_sync.ports import Clock
from backend_sync.registers.refusals import Refused
from backend_sync.registers.rights import Scope, User, at_hand
from backend_sync.registers.tables import proposal_steps, proposals
from backend_sync.registers.trail import Trail
from backend_sync.registers.users import demand
from backend_sync.storage.database import Database

OPEN, APPROVED, REFUSED, TAKEN, EXPIRED = "open", "approved", "refused", "taken", "expired"
COLUMNS = "id, kind, authority, amount, content, digest, by_user, made, expires"
CONTENT_MOST = 200
KEY = "key"


class Kind(NamedTuple):
    """What takes two people, and from which amount on."""

    name: str
    counts: str
    right: str  # to propose
    second: str  # to approve


KINDS = (
    Kind("hotlist", "entries", "hotlist.propose", "hotlist.approve"),
    Kind(KEY, "uses", "keys.propose", "keys.approve"),
    Kind("refund", "cents", "refunds.propose", "refunds.approve"),
    Kind("question", "questions", "links.ask", "links.approve"),
)


class Policy(NamedTuple):
    """From which amount on two people are needed, and how long a proposal lives."""

    hotlist: int = 10  # entries
    key: int = 1
    refund: int = 5_001  # cents: above 50.00
    question: int = 1  # to the link service, about a fraud
    expires_s: int = 3 * 86_400


class Proposal(NamedTuple):
    """One proposal; `made`, `expires`: s since 2020; `state`: of the closed list above."""

    number: int
    kind: str
    authority: int
    amount: int
    content: str
    digest: str
    by: str
    made: int
    expires: int
    state: str = OPEN
    second: str = ""  # who approved or refused


class Proposals:
    """Every step is one transaction with its row in the trail, or nothing."""

    def __init__(self, database: Database, trail: Trail, clock: Clock, policy: Policy) -> None:
        self.database = database
        self.trail = trail
        self.clock = clock
        self.policy = policy

    def needed(self, kind: str, amount: int) -> bool:
        """Say whether `amount` of this kind takes two people."""
        return amount >= int(getattr(self.policy, kind_of(kind).name))

    def propose(
        self, by: User, kind: str, authority: int, amount: int, content: str, digest: str = ""
    ) -> Proposal:
        """Ask for something; return the proposal. Raises: Refused.

        The digest of a key's use is that of its words: who agrees has read all there is to it.
        """
        if amount < 1 or not content.strip() or len(content) > CONTENT_MOST:
            raise Refused(
                "proposal: amount {amount} and {length} characters of content; wanted an "
                "amount above 0 and 1 to {most} characters that say what will be done",
                amount=amount,
                length=len(content),
                most=CONTENT_MOST,
            )
        demand(by, kind_of(kind).right, at_hand(by, authority))
        if kind == KEY:
            words = sha256(content.encode()).hexdigest()
            if digest not in ("", words):
                raise Refused(f"proposal: digest {digest[:16]}, but that of the words is {words}")
            digest = words
        now = self.clock.utc_seconds()
        with self.database.transaction():
            made = Proposal(
                self.database.next_id(proposals), kind, authority, amount, content, digest,
                by.name, now, now + self.policy.expires_s,
            )  # fmt: skip
            self.database.insert(proposals, [made[:9]])
            self.trail.write(by.name, "propose", subject_of(made.number), None, content_of(made))
        return made

    def decide(self, by: User, number: int, step: str = APPROVED) -> Proposal:
        """Approve another person's proposal, or refuse it. Raises: Refused."""
        with self.database.transaction():
            found = self.get(number)
            if found.state != OPEN:
                raise Refused(
                    "proposal {proposal} is {step}; nothing can be decided",
                    proposal=number,
                    step=found.state,
                )
            if step == APPROVED and found.by == by.name:
                raise Refused(
                    "proposal {proposal}: {user} asked for it; another has to agree",
                    proposal=number,
                    user=by.name,
                )
            if found.by != by.name:  # who asked may take it back
                demand(by, kind_of(found.kind).second, Scope(found.authority))
            return self._step(found, step, by.name)

    def take(self, by: User, number: int, kind: str, amount: int, digest: str = "") -> Proposal:
        """Use an approved proposal for exactly what it says, once. Raises: Refused."""
        with self.database.transaction():
            found = self.get(number)
            demand(by, kind_of(kind).right, at_hand(by, found.authority))
            if found.state != APPROVED:
                raise Refused(f"proposal {number} is {found.state}, wanted approved")
            if (found.kind, found.amount, found.digest) != (kind, amount, digest):
                raise Refused(
                    f"proposal {number} is about {found.kind} {found.amount}"
                    f" {found.digest[:16]}, not about {kind} {amount} {digest[:16]}"
                )
            return self._step(found, TAKEN, by.name)

    def get(self, number: int) -> Proposal:
        """Return a proposal as it stands now. Raises: Refused."""
        rows = self.database.rows(f"SELECT {COLUMNS} FROM proposals WHERE id = ?", (number,))
        if not rows:
            raise Refused(f"proposal {number}: there is none")
        return self._standing(rows[0])

    def every(self) -> list[Proposal]:
        """Return all proposals by number."""
        rows = self.database.rows(f"SELECT {COLUMNS} FROM proposals ORDER BY id")
        return [self._standing(row) for row in rows]

    def newest(self, before: int, count: int, authority: int) -> tuple[list[Proposal], int]:
        """Return (the newest proposals numbered below `before`, where to go on or 0).

        `before` 0: from the newest on; `authority` 0: of all.
        """
        rows = self.database.rows(
            f"SELECT {COLUMNS} FROM proposals WHERE id < ? AND ? IN (0, authority)"
            " ORDER BY id DESC LIMIT ?",
            (before or 1 << 53, authority, count + 1),
        )
        found = [self._standing(row) for row in rows[:count]]
        return found, found[-1].number if len(rows) > count else 0

    def _standing(self, row: Any) -> Proposal:
        found = standing(self.database, Proposal(*row))
        late = self.clock.utc_seconds() >= found.expires
        if found.state in (OPEN, APPROVED) and late:
            return found._replace(state=EXPIRED)
        return found

    def _step(self, found: Proposal, step: str, by: str) -> Proposal:
        after = found._replace(state=step, second=found.second if step == TAKEN else by)
        number, now = self.database.next_id(proposal_steps), self.clock.utc_seconds()
        self.database.insert(proposal_steps, [(number, found.number, step, by, now)])
        subject = subject_of(found.number)
        self.trail.write(by, step, subject, content_of(found), content_of(after))
        return after


def standing(database: Database, proposal: Proposal) -> Proposal:
    """Return a proposal with the state that its steps gave it, whatever the time is."""
    for step, by in database.rows(
        "SELECT step, by_user FROM proposal_steps WHERE proposal = ? ORDER BY id",
        (proposal.number,),
    ):
        second = proposal.second if step == TAKEN else by
        proposal = proposal._replace(state=step, second=second)
    return proposal


def kind_of(name: str) -> Kind:
    """Return a kind by its name. Raises: Refused."""
    for kind in KINDS:
        if kind.name == name:
            return kind
    raise Refused(
        "kind {kind!r} is not known; wanted {kinds}",
        kind=name,
        kinds=", ".join(kind.name for kind in KINDS),
    )


def subject_of(number: int) -> str:
    return f"proposal:{number}"


def content_of(proposal: Proposal) -> dict[str, Any]:
    return proposal._asdict()
