"""A long file in a form, taken apart as it comes: the same in any pieces, and never held whole."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webui.multipart import MultipartError
from webui.streaming import BEFORE_BYTES_MAX, CutShortError, FileForm

TYPE = "multipart/form-data; boundary=frontier"


def form(content: bytes, *, token: str = "a token") -> bytes:
    return (
        (
            f'--frontier\r\nContent-Disposition: form-data; name="token"\r\n\r\n{token}\r\n'
            '--frontier\r\nContent-Disposition: form-data; name="file"; filename="a.update"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        + content
        + b"\r\n--frontier--\r\n"
    )


def taken(body: bytes, sizes: list[int] | None = None, kind: str = TYPE) -> tuple[dict[str, str], bytes, int]:
    """The fields, the file, and the most that was held."""
    left, most = [body], 0
    steps = iter(sizes or [])

    async def read() -> bytes:
        size = next(steps, None) or 4096
        piece, left[0] = left[0][:size], left[0][size:]
        return piece

    async def take() -> tuple[dict[str, str], bytes]:
        nonlocal most
        reader = FileForm(kind, read)
        fields, file = await reader.fields(), b""
        async for piece in reader.file():
            file += piece
            most = max(most, len(reader._held))
        return fields, file

    try:
        take().send(None)  # it waits for nothing
    except StopIteration as end:
        return (*end.value, most)
    raise AssertionError("it waits")


@given(st.binary(max_size=300), st.lists(st.integers(1, 40), max_size=60))
def test_in_any_pieces_the_file_is_the_same(content: bytes, sizes: list[int]) -> None:
    if b"\r\n--frontier" in b"\r\n" + content:
        return
    fields, file, _ = taken(form(content), sizes)
    assert fields == {"token": "a token"}
    assert file == content


@pytest.mark.parametrize("content", [b"\r\n--frontie", b"\r\n--frontie\r\n--frontieR", b"\r\n\r\n--", b"\r"])
def test_what_looks_like_the_end_is_not_the_end(content: bytes) -> None:
    for size in (1, 2, 3, 4096):
        assert taken(form(content), [size] * 1000)[1] == content


def test_no_more_is_held_than_comes_at_once() -> None:
    content = bytes(1_000_000)
    _, file, most = taken(form(content))
    assert file == content
    assert most < 3 * 4096


def test_a_body_that_ends_anywhere_is_cut_short() -> None:
    body = form(b"some content")
    for at in range(len(body) - 4):
        with pytest.raises(CutShortError):
            taken(body[:at])


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (form(b""), "multipart/form-data"),
        (form(b""), "text/plain"),
        (form(b"", token="x" * 2 * BEFORE_BYTES_MAX), TYPE),
        (b"--frontier\r\nX: y\r\n\r\nz\r\n--frontier--\r\n", TYPE),
        (b'--frontier\r\nContent-Disposition: form-data; name="a"\r\n\r\nz\r\n--frontier--\r\n', TYPE),
        (form(b"").replace(b"--frontier--", b"--frontier\r\n"), TYPE),
        (form(b"").replace(b'"file"', b'"token"'), TYPE),
        (b'--frontier\r\nContent-Disposition: form-data; name="a"' + bytes(2000) + b"\r\n\r\n", TYPE),
        (
            b"".join(
                b'--frontier\r\nContent-Disposition: form-data; name="%c"\r\n\r\nz\r\n' % n for n in b"abcdefghij"
            ),
            TYPE,
        ),
    ],
)
def test_what_no_browser_sends_is_refused(body: bytes, kind: str) -> None:
    with pytest.raises(MultipartError) as caught:
        taken(body, kind=kind)
    assert not isinstance(caught.value, CutShortError)


@given(st.binary(max_size=400))
def test_any_bytes_are_refused_or_a_file(body: bytes) -> None:
    with contextlib.suppress(MultipartError):
        fields, file, _ = taken(body)
        assert file in body
        assert len(fields) < 9
