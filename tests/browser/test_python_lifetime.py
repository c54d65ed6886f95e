"""Python on a page: a Scheduler's end, and what its workers print meanwhile."""

import pytest
from pytest_pyodide import run_in_pyodide


@pytest.mark.idle
@run_in_pyodide
async def test_submit_after_shutdown_is_refused(selenium_penny):
    import penny

    s = penny.Scheduler(workers=1)
    s.register(abs, id=1)
    await s.aclose()
    for submit in (lambda: s.submit(abs, -1), lambda: s.new_task(1, [-1])):
        try:
            submit()
        except RuntimeError as error:
            assert "after shutdown" in str(error), error
        else:
            raise AssertionError("no RuntimeError")


@run_in_pyodide
async def test_shutdown_without_waiting_still_runs_what_was_submitted(selenium_penny):
    import penny

    s = penny.Scheduler(workers=1)
    futures = [s.submit(abs, -n) for n in range(5)]
    s.shutdown(wait=False)
    assert [await future for future in futures] == [0, 1, 2, 3, 4]
    await s.aclose()


@run_in_pyodide
async def test_shutdown_cancels_what_has_not_begun(selenium_penny):
    from gates import Gate, pass_through

    import penny

    s = penny.Scheduler(workers=1)
    gate = Gate()
    running = s.submit(pass_through, gate, "done")
    await gate.reached()
    pending = [s.submit(abs, -n) for n in range(5)]
    s.shutdown(wait=False, cancel_futures=True)
    assert [future.cancelled() for future in pending] == [True] * 5
    assert not running.done()
    gate.open()
    assert await running == "done"
    await s.aclose()
    assert s.stats()["workers"][0]["run"] == 1


@pytest.mark.idle
@run_in_pyodide
async def test_shutdown_twice_is_no_error(selenium_penny):
    import penny

    s = penny.Scheduler(workers=1)
    await s.aclose()
    await s.aclose()
    s.shutdown(wait=False)


@pytest.mark.idle
@run_in_pyodide
async def test_the_number_of_workers_is_the_machine_s_by_default(selenium_penny):
    from js import navigator

    import penny

    async with penny.Scheduler() as s:
        assert s.workers == navigator.hardwareConcurrency
    async with penny.Scheduler(workers=3) as s:
        assert s.workers == 3


@run_in_pyodide
async def test_schedulers_work_side_by_side(selenium_penny):
    import penny

    async with penny.Scheduler(workers=1) as one, penny.Scheduler(workers=1) as other:
        futures = [s.submit(abs, -n) for n in range(20) for s in (one, other)]
        assert [await future for future in futures] == [n for n in range(20) for _ in "ab"]
        for s in (one, other):
            assert s.stats()["workers"][0]["run"] == 20


ENDS = {
    "aclose": ("", "await s.aclose()"),
    "shutdown": ("", "s.shutdown()"),
    "no waiting": ("", "s.shutdown(wait=False)"),
    "dropped": ("", "del s; gc.collect()"),
    "dropped, in a cycle": ("s.__dict__['itself'] = s", "del s; gc.collect()"),
    "dropped, with a task that runs": (
        """
            def late():
                time.sleep(0.3)
                return penny.current_worker()

            told = []
            s.submit(late).add_done_callback(lambda future: told.append(future.result()))
        """,
        """
            del s
            gc.collect()
            while not told:
                await asyncio.sleep(0)
            assert told[0] in (0, 1)
        """,
    ),
}


@pytest.mark.parametrize(("begin", "end"), ENDS.values(), ids=ENDS)
def test_workers_are_gone_after_the_end(selenium_penny, begin, end):
    # Each worker holds a Web Lock while it lives: who gets that lock knows that it is gone.
    workers = selenium_penny.run_js(
        """
        const held = async () => (await navigator.locks.query()).held.map(({name}) => name);
        const others = new Set(await held());
        await pyodide.runPythonAsync(`
            import asyncio, gc, time
            import penny

            s = penny.Scheduler(workers=2)
            await s.submit(abs, -1)
        `);
        """
        f"await pyodide.runPythonAsync({begin!r});"
        """
        const mine = (await held()).filter(name => !others.has(name));
        """
        f"await pyodide.runPythonAsync({end!r});"
        """
        await Promise.all(mine.map(name => navigator.locks.request(name, () => {})));
        return mine.length;
        """
    )
    assert workers >= 1  # the second one may be still starting


def test_print_in_a_task_appears_once_in_whole_lines_where_the_page_s_python_prints(selenium_penny):
    selenium_penny.clean_logs()
    selenium_penny.run_js("""
        self.printed = [];
        self.consoleLog = console.log;
        console.log = (...values) => self.printed.push(values.join(' '));
    """)
    try:
        selenium_penny.run_async("""
            import contextlib, io
            import penny

            def talk(n):
                print("task", end=" ")
                print(n, "speaks\\nof", penny.current_worker())
                return penny.current_worker()

            async with penny.Scheduler(workers=2) as s:
                spoke = [await s.submit(talk, n) for n in range(4)]
            with contextlib.redirect_stdout(io.StringIO()) as redirected:
                async with penny.Scheduler(workers=1) as s:
                    await s.submit(print, "redirected")
        """)
        printed = selenium_penny.run_js("return self.printed;")
        spoke = selenium_penny.run("spoke")
        assert selenium_penny.run("redirected.getvalue()") == "redirected\n"
    finally:
        selenium_penny.run_js("console.log = self.consoleLog;")
    expected = []
    for n, worker in enumerate(spoke):
        expected += [f"task {n} speaks", f"of {worker}"]
    assert sorted(printed) == sorted(expected)
