"""The columns that tables are made of, and the metadata that all of them stand in.

Source: dependencies.md section 4.
"""

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, String

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMES)
Big = BigInteger().with_variant(Integer, "sqlite")


def id_column() -> Column[int]:
    # Numbers are given out by the ledger, one poster at a time, so that rows of one group can
    # point at each other before they are written.
    return Column("id", Big, primary_key=True, autoincrement=False)


def bytes_column(name: str, null: bool = False) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=null)


def number_column(name: str, null: bool = False) -> Column[int]:
    return Column(name, Big, nullable=null)


def word_column(name: str, size: int = 16, null: bool = False) -> Column[str]:
    return Column(name, String(size), nullable=null)
