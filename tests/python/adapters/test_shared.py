"""What tasks share by `penny.multiprocessing`: one interpreter's view of it."""

import ctypes
import pickle
import queue

import pytest

import penny.multiprocessing as mp


@pytest.mark.parametrize("make", [mp.Lock, mp.RLock, mp.get_context().Lock])
def test_locks(make):
    lock = make()
    with lock:
        again = lock.acquire(block=False)
        assert again == isinstance(lock, mp.RLock)
        if again:
            lock.release()
        assert isinstance(lock, mp.RLock) or not lock.acquire(timeout=0.001)
    with pytest.raises((ValueError, AssertionError)):
        lock.release()
    assert pickle.loads(pickle.dumps(lock)).acquire()
    lock.release()


def test_semaphores():
    free, bounded = mp.Semaphore(2), mp.BoundedSemaphore(2)
    for semaphore in (free, bounded):
        assert [semaphore.acquire(False) for _ in range(3)] == [True, True, False]
        assert semaphore.get_value() == 0
        semaphore.release()
        semaphore.release()
    free.release()
    assert free.get_value() == 3
    with pytest.raises(ValueError, match="too many times"):
        bounded.release()
    with pytest.raises(ValueError, match="initial value"):
        mp.Semaphore(-1)


def test_events():
    event = mp.Event()
    assert not event.wait(0.001)
    event.set()
    assert event.wait() and event.is_set()
    event.clear()
    assert not event.is_set()


def test_numbers():
    value = mp.Value("d", 1.5)
    with value.get_lock():
        value.value += 1
    assert value.value == 2.5
    assert mp.Value(ctypes.c_int, 7, lock=False).value == 7
    array = mp.Array("i", [1, 2, 3])
    array[1] = 5
    array[2:] = [9]
    assert (len(array), array[:], list(array), array[-1]) == (3, [1, 5, 9], [1, 5, 9], 9)
    assert mp.RawArray("B", 4)[:] == [0] * 4
    with array:
        assert array.get_obj() is array
    with pytest.raises(ValueError, match="same size"):
        array[:] = [1]
    with pytest.raises(IndexError):
        array[3]
    for code in ("c", ctypes.c_char, ctypes.Structure):
        with pytest.raises(NotImplementedError, match="numbers alone"):
            mp.Array(code, 3)


def test_queues():
    q = mp.Queue(2)
    q.put({"a": 1})
    q.put_nowait("x" * 1000)
    assert q.full() and q.qsize() == 2
    with pytest.raises(queue.Full):
        q.put(3, timeout=0.001)
    assert (q.get(), q.get()) == ({"a": 1}, "x" * 1000)
    assert q.empty()
    with pytest.raises(queue.Empty):
        q.get_nowait()
    with pytest.raises(ValueError, match="bytes"):
        q.put(bytes(2_000_000))


def test_a_queue_goes_round_its_ring():
    q = mp.SimpleQueue()
    for i in range(30):
        q.put(bytes([i]) * 300_001)
        q.put(i)
        assert q.get() == bytes([i]) * 300_001
        assert q.get() == i
    q.put(bytes(1_000_000))
    with pytest.raises(queue.Full):
        q.put(bytes(100_000), False)


def test_a_joinable_queue():
    q = mp.JoinableQueue()
    q.put(1)
    q.get()
    q.task_done()
    q.join()
    with pytest.raises(ValueError, match="too many times"):
        q.task_done()


@pytest.mark.parametrize("name", ["Process", "Manager", "Pipe", "Condition", "SharedMemory"])
def test_what_is_not_there_says_what_to_do(name):
    with pytest.raises(NotImplementedError, match="Instead: "):
        getattr(mp, name)()
