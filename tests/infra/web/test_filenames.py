"""Names of files in headers."""

import unicodedata
from email.message import Message
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterglow.infra.web.filenames import MAX_NAME_BYTES, clean_name, content_disposition, parse_disposition

any_text = st.text(st.characters())


@pytest.mark.parametrize(
    ("given_name", "clean"),
    [
        ("a.jpg", "a.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\fakepath\\IMG_1.HEIC", "IMG_1.HEIC"),
        ("a\0b\r\nc\x7f.jpg", "abc.jpg"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("Zoe\u0308.jpg", "Zo\u00eb.jpg"),
        (" spaced .jpg ", "spaced .jpg"),
        ("👨‍👩‍👧.jpg", "👨‍👩‍👧.jpg"),
        ("", "unnamed"),
        ("..", "unnamed"),
        ("a/", "unnamed"),
        ("\ud800", "unnamed"),
        (".hidden", ".hidden"),
        ("x" * 300 + ".jpeg", "x" * 250 + ".jpeg"),
        ("é" * 200, "é" * 127),
    ],
)
def test_a_clean_name_is_plain(given_name: str, clean: str) -> None:
    assert clean_name(given_name) == clean


@given(any_text)
def test_a_clean_name_is_harmless_and_stays(text: str) -> None:
    name = clean_name(text)
    assert 0 < len(name.encode()) <= MAX_NAME_BYTES
    assert not set(name) & set("/\\\0\r\n")
    assert all(unicodedata.category(char) not in ("Cc", "Cs") for char in name)
    assert name not in (".", "..")
    assert clean_name(name) == name


@pytest.mark.parametrize(
    ("header", "name", "filename"),
    [
        (b'form-data; name="file"; filename="a.jpg"', "file", "a.jpg"),
        (b"form-data; name=file; filename=a.jpg", "file", "a.jpg"),
        (b'form-data; name="text"', "text", None),
        (b'form-data; name="file"; filename=""', "file", ""),
        ('form-data; name="file"; filename="Zoë 100%25; x=y.jpg"'.encode(), "file", "Zoë 100%25; x=y.jpg"),
        (b'form-data; name="file"; filename="say %22hi%22.jpg"', "file", 'say "hi".jpg'),
        (b'form-data; name="file"; filename="say \\"hi\\".jpg"', "file", 'say "hi".jpg'),
        ('form-data; name="file"; filename="Zoë.jpg"'.encode("latin-1"), "file", "Zoë.jpg"),
        (b'form-data; name="file"; filename="x.jpg"; filename*=UTF-8\'\'Zo%C3%AB.jpg', "file", "Zoë.jpg"),
        (b"form-data; name=\"file\"; filename*=iso-8859-1'en'Zo%EB.jpg", "file", "Zoë.jpg"),
        (b'form-data; name="file"; filename*0="long"; filename*1="er.jpg"', "file", "longer.jpg"),
        (b"form-data; filename=a.jpg", None, "a.jpg"),
        (b"", None, None),
    ],
)
def test_reads_what_clients_send(header: bytes, name: str | None, filename: str | None) -> None:
    assert parse_disposition(header) == (name, filename)


@given(st.binary(max_size=200) | any_text.map(lambda text: f"form-data; name={text}".encode("utf-8", "replace")))
def test_no_header_breaks_the_reading(header: bytes) -> None:
    _, filename = parse_disposition(header)
    assert clean_name(filename or "")


@given(any_text)
def test_a_sent_name_comes_back_and_breaks_nothing(text: str) -> None:
    header = content_disposition("attachment", text)
    assert header.isascii()
    assert header.isprintable()
    message = Message()
    message["Content-Disposition"] = header
    extended = header.partition("filename*=UTF-8''")[2]
    plain = message.get_filename() if not extended else unquote(extended)
    assert plain == clean_name(text)
    assert message.get_content_disposition() == "attachment"


@pytest.mark.parametrize(
    ("name", "header"),
    [
        (None, "inline"),
        ("a.jpg", 'inline; filename="a.jpg"'),
        ("Zoë.jpg", "inline; filename=\"Zoe.jpg\"; filename*=UTF-8''Zo%C3%AB.jpg"),
        ('a"; x="b.jpg', "inline; filename=\"a_; x=_b.jpg\"; filename*=UTF-8''a%22%3B%20x%3D%22b.jpg"),
        ("日本.jpg", "inline; filename=\".jpg\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC.jpg"),
    ],
)
def test_old_clients_get_a_name_too(name: str | None, header: str) -> None:
    assert content_disposition("inline", name) == header
