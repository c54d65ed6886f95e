"""Path, variables, directory and arguments of a submitter, taken there and applied in a worker."""

import json
import os
import subprocess
import sys
import textwrap


def submitter(code, tmp_path):
    """What `take` gives in a process that has run this, each time that it calls `took`."""
    program = textwrap.dedent("""
        import os, pathlib, sys
        from penny.mirror import surroundings
        surroundings.watch()
        taken = []
        def took():
            changed = surroundings.changed()
            taken.append([changed, surroundings.take().hex(), surroundings.changed()])
    """)
    program += textwrap.dedent(code) + "\nimport json\nprint(json.dumps(taken))"
    (tmp_path / "program.py").write_text(program)
    line = [sys.executable, "program.py", "an argument"]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=True)
    taken = json.loads(done.stdout)
    assert [(before, after) for before, _, after in taken] == [(True, False)] * len(taken)
    return [bytes.fromhex(data) for _, data, _ in taken]


def worker(code, taken, tmp_path):
    """What a process, elsewhere, prints that runs this with what was taken."""
    folder = tmp_path / "elsewhere"
    folder.mkdir(exist_ok=True)
    program = f"import os, sys\nfrom penny.mirror import surroundings\ntaken = {taken!r}\n"
    line = [sys.executable, "-c", program + textwrap.dedent(code)]
    environment = {**os.environ, "ONLY_HERE": "1"}
    done = subprocess.run(
        line, cwd=folder, capture_output=True, text=True, check=True, env=environment
    )
    return done.stdout


def test_all_of_them_hold_and_change_by_name(tmp_path):
    taken = submitter(
        """
        os.environ["MODE"] = "fast"
        os.environ["ODD"] = "\\udcff€"
        sys.path.insert(0, "/lib/of/mine")
        sys.path.insert(1, pathlib.Path("/not/used/by/python"))
        took()
        os.environ["MODE"] = "slow"
        took()
        os.makedirs("below/it")
        os.chdir("below/it")
        took()
        del os.environ["MODE"], sys.argv[1]
        took()
        sys.path.remove("/lib/of/mine")
        took()
        """,
        tmp_path,
    )
    printed = worker(
        """
        own = list(sys.path)
        apply = lambda i: surroundings.apply(taken[i])
        apply(0)
        print(os.environ["MODE"], ascii(os.environ["ODD"]), "ONLY_HERE" in os.environ)
        print(sys.path[0], set(own) <= set(sys.path), sys.argv, surroundings.changed())
        os.environ["ODD"] = os.environ["MINE"] = "of a task"
        sys.path.append("/of/a/task")
        apply(1)
        print(os.environ["MODE"], os.environ["ODD"], os.environ["MINE"], sys.path[-1])
        apply(2)
        print(os.getcwd())
        os.chdir("/")
        apply(3)
        print(os.getcwd(), "MODE" in os.environ, os.environ["MINE"], sys.argv, sys.path[-1])
        apply(4)
        print("/lib/of/mine" in sys.path, "/of/a/task" in sys.path, sys.path.count(own[-1]))
        apply(0)
        print(os.getcwd(), os.environ["MODE"], sys.argv[1])
        """,
        taken,
        tmp_path,
    )
    assert printed.splitlines() == [
        "fast '\\udcff\\u20ac' False",
        "/lib/of/mine True ['program.py', 'an argument'] False",
        "slow of a task of a task /of/a/task",
        f"{tmp_path}/below/it",
        "/ False of a task ['program.py'] /of/a/task",
        "False False 1",
        f"{tmp_path} fast an argument",
    ]


def test_a_directory_is_made_or_the_error_names_it(tmp_path):
    taken = submitter(
        """
        took()
        for name in "a/b", "c":
            os.makedirs(name)
            os.chdir(name)
            took()
        """,
        tmp_path,
    )
    (tmp_path / "a" / "b" / "c").rmdir()
    (tmp_path / "a" / "b").rmdir()
    (tmp_path / "a").rmdir()
    (tmp_path / "a").write_text("a file is in the way")
    printed = worker(
        """
        for _ in range(2):  # the second does not pass it over
            try:
                surroundings.apply(taken[1])
            except OSError as error:
                print(error.filename, error.__notes__)
        print(surroundings.changed(), sys.argv[1])
        os.remove("../a")
        surroundings.apply(taken[2])
        print(os.getcwd())
        """,
        taken,
        tmp_path,
    )
    *failures, state, directory = printed.splitlines()
    note = "(the current directory of whoever submitted the task can't be made here)"
    assert failures == [f"{tmp_path}/a/b {[note]}"] * 2
    assert state == "False an argument"
    assert directory == f"{tmp_path}/a/b/c"


def test_the_check_is_cheap_and_misses_nothing(tmp_path):
    taken = submitter(
        """
        took()
        changes = [
            lambda: sys.path.append("x"), lambda: sys.path.__setitem__(-1, "y"),
            lambda: setattr(sys, "path", [*sys.path, "z"]), lambda: sys.argv.append("x"),
            lambda: os.environ.update(X="1"), lambda: os.environ.update(X="2"),
            lambda: os.environ.pop("X"), lambda: os.chdir("/"),
            lambda: os.fchdir(os.open(os.path.dirname(__file__) or "/", 0)),
            lambda: os.environb.update({b"X": b"3"}), lambda: os.environ._data.update({b"X": b"4"}),
            lambda: os.environ._data.clear(),
            lambda: setattr(os, "environ", {"other": "mapping"}), lambda: os.environ.update(Y="1"),
        ]
        for change in changes:
            change()
            took()
        import timeit
        assert min(timeit.repeat(surroundings.changed, number=1000, repeat=50)) < 0.01
        """,
        tmp_path,
    )
    # Without X they are as they were before it, and the second move led to where it began.
    assert len(set(taken)) == len(taken) - 2


def test_their_version_is_another_only_if_they_are():
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import os; from penny.mirror import surroundings as s; s.watch()\n"
            "os.environ['X'] = '1'\n"
            "def set(value): os.environ['X'] = value; print(s.version(), os.environb[b'X'])\n"
            "for value in '1', '1', '2', '1', '1': set(value)\n"
            "for way in '/', '.': os.chdir(way); print(s.version())",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    numbers = [int(line.split()[0]) for line in done.stdout.splitlines()]
    assert numbers == [1, 1, 2, 3, 3, 4, 4]


def test_from_import_is_watched_too():
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from penny.mirror import surroundings as s; s.watch(); s.watch(); s.take()\n"
            "from posix import chdir; import os, contextlib\n"
            "chdir('/'); print(s.changed()); s.take()\n"
            "with contextlib.chdir('/'): print(s.changed())\n"
            "print(os.chdir in os.supports_fd, os.chdir.__name__)",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "True\nTrue\nTrue chdir\n"
