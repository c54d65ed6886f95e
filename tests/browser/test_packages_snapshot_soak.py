"""Many workers that start from one snapshot, each at work: for `make soak-packages`."""

from __future__ import annotations

import json

import pytest
from support.pages import Page
from support.servers import Server
from support.wheels import serve_downloaded

WHEELS = (
    "annotated_types",
    "pydantic",
    "pydantic_core",
    "typing_extensions",
    "typing_inspection",
    "sqlalchemy",
)
ROUNDS = 15
WORKERS = 4

PROGRAM = """
import json, random, time
import js, penny
from penny.hosts import imports

def work(flags, mine):
    import gc, importlib
    flags[mine] = 1
    while not all(flags[i] for i in range(len(flags))):
        penny.cancelled()
    import pydantic, sqlalchemy
    from sqlalchemy import orm
    restored = {"pydantic_core", "sqlalchemy.orm"} <= set(imports.imported)
    for _ in range(20):
        class Point(pydantic.BaseModel):
            x: int
            @pydantic.field_validator("x")
            @classmethod
            def known(cls, x):
                return {i: i for i in range(100)}[x]
        for value in range(100):
            assert Point(x=str(value)).x == value
        for value, error in ("many", pydantic.ValidationError), (100, KeyError):
            try:
                Point(x=value)
            except error:
                pass
            else:
                raise AssertionError(value)
        json.loads(Point(x=1).model_dump_json())
        del Point
        gc.collect()
    class Base(orm.DeclarativeBase):
        pass
    class User(Base):
        __tablename__ = "users"
        id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
        name: orm.Mapped[str]
    engine = sqlalchemy.create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with orm.Session(engine) as session:
        session.add_all(User(name=f"user {i}") for i in range(200))
        session.commit()
        count = session.scalar(sqlalchemy.select(sqlalchemy.func.count()).select_from(User))
    importlib.import_module("pydantic.v1")
    blocks = [bytearray(5_000_000) for _ in range(10)]
    del blocks
    return penny.current_worker(), restored, count, random.random(), time.monotonic()

urls = [f"{js.location.origin}/{wheel}" for wheel in WHEELS]
with penny.Scheduler(WORKERS, packages=urls) as s:
    flags = penny.SharedArray((WORKERS,), "int32")
    tasks = [s.submit(work, flags, i) for i in range(WORKERS)]
    print(json.dumps([task.result() for task in tasks]))
"""


@pytest.mark.soak
def test_restored_workers(page: Page, server: Server) -> None:
    page.timeout = 300
    wheels = serve_downloaded(server, *WHEELS)
    source = PROGRAM.replace("WHEELS", repr(wheels)).replace("WORKERS", str(WORKERS))
    drawn = set()
    for round_ in range(ROUNDS):
        found = json.loads(page.run(source).ok())
        page.js("const {settled} = await import('/penny/page.js'); await settled()")
        assert sorted(worker for worker, *_ in found) == list(range(WORKERS))
        if round_ > 1:  # the second pool's tasks may have imported more than the first's
            assert all(restored for _, restored, *_ in found), round_
        assert {count for _, _, count, *_ in found} == {200}
        drawn |= {number for *_, number, _ in found}
    assert len(drawn) == ROUNDS * WORKERS
