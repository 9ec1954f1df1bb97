//! Bodies as senders write them.

use super::{TOO_LARGE, UNPACKED_BYTES_MAX, payload_text, read_payload};
use crate::connectors::envelope::KeptHeaders;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::io::Write;

fn headers(pairs: &[(&str, &str)]) -> KeptHeaders {
    let map: serde_json::Map<String, Value> =
        pairs.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    KeptHeaders::read(&Value::Object(map).to_string())
}

fn plain(body: &[u8]) -> Result<Value, String> {
    read_payload(body, &KeptHeaders::default())
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

const BODY: &str = r#"{"id":7,"name":"Åse"}"#;

fn record() -> Value {
    json!({ "id": 7, "name": "Åse" })
}

#[test]
fn a_packed_body_is_read_like_a_plain_one() {
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
    zlib.write_all(BODY.as_bytes()).unwrap();
    let mut deflate = DeflateEncoder::new(Vec::new(), Compression::best());
    deflate.write_all(BODY.as_bytes()).unwrap();
    let gzip = gzipped(BODY.as_bytes());
    let cases = [
        ("gzip", gzip.clone()),
        ("GZip", gzip.clone()),
        ("x-gzip", gzip.clone()),
        ("", gzip.clone()),
        ("gzip, gzip", gzipped(&gzip)),
        ("deflate", zlib.finish().unwrap()),
        ("deflate", deflate.finish().unwrap()),
        ("identity", BODY.as_bytes().to_vec()),
        // Unpacked on the way, with the header left.
        ("gzip", BODY.as_bytes().to_vec()),
        ("deflate", BODY.as_bytes().to_vec()),
    ];
    for (encoding, body) in cases {
        let headers = headers(&[("content-encoding", encoding)]);
        assert_eq!(read_payload(&body, &headers), Ok(record()), "{encoding}");
        assert_eq!(payload_text(&body, &headers).as_deref(), Some(BODY), "{encoding}");
    }
}

#[test]
fn what_unpacks_without_end_is_stopped() {
    let bomb = gzipped(&vec![b' '; UNPACKED_BYTES_MAX as usize + 1]);
    assert!(bomb.len() < 100_000, "a small body");
    assert_eq!(read_payload(&bomb, &headers(&[("content-encoding", "gzip")])), Err(TOO_LARGE.to_owned()));
    let nested = gzipped(&bomb);
    let twice = headers(&[("content-encoding", "gzip, gzip")]);
    assert_eq!(read_payload(&nested, &twice), Err(TOO_LARGE.to_owned()));
}

#[test]
fn marks_and_other_letters_are_read() {
    let utf_16 = |units: fn(u16) -> [u8; 2]| BODY.encode_utf16().flat_map(units).collect::<Vec<u8>>();
    let (little, big) = (utf_16(u16::to_le_bytes), utf_16(u16::to_be_bytes));
    let with = |mark: &[u8], bytes: &[u8]| [mark, bytes].concat();
    for body in [
        with(&[0xef, 0xbb, 0xbf], BODY.as_bytes()),
        with(&[0xff, 0xfe], &little),
        with(&[0xfe, 0xff], &big),
        little,
        big,
        with(b"", format!("{BODY}\r\n\0\0").as_bytes()),
        with(b"\n\n ", BODY.as_bytes()),
        with(b"", format!("{BODY};").as_bytes()),
        serde_json::to_vec(BODY).unwrap(),
    ] {
        assert_eq!(plain(&body), Ok(record()), "{body:02x?}");
    }
    assert_eq!(plain(b"{\"id\":7,\"name\":\"\xc5se\"}"), Ok(record()), "nothing says what it is written in");
    let latin = b"{\"id\":7,\"name\":\"\xc5se\"}";
    let said = headers(&[("content-type", "application/json; charset=ISO-8859-1")]);
    assert_eq!(read_payload(latin, &said), Ok(record()));
}

#[test]
fn forms_are_read_as_records_or_as_the_message_that_a_field_holds() {
    let form = headers(&[("content-type", "application/x-www-form-urlencoded; charset=utf-8")]);
    let read = |body: &str| read_payload(body.as_bytes(), &form).expect(body);
    assert_eq!(read("payload=%7B%22id%22%3A7%7D&token=x"), json!({ "id": 7 }));
    assert_eq!(read("name=%c5se"), json!({ "name": "Åse" }));
    assert_eq!(
        read_payload(b"name=\xc5se", &form),
        Ok(json!({ "name": "Åse" })),
        "letters of Windows as they are"
    );
    assert_eq!(read("anything=%7B%22id%22%3A7%7D"), json!({ "anything": "{\"id\":7}" }), "see `otherwise`");
    assert_eq!(read(BODY), record(), "JSON that is called a form");
    assert_eq!(
        read("name=Ada+L&mail=a%40example.org&note=&tag=a&tag=b&flag"),
        json!({ "name": "Ada L", "mail": "a@example.org", "note": "", "tag": ["a", "b"], "flag": "" })
    );
    assert_eq!(
        read("guest[name]=Ada&guest[mail]=a&days[]=1&days[]=2&x[a][b]=1&x[a]=2&odd[=1&[a]=2"),
        json!({
            "guest": { "name": "Ada", "mail": "a" }, "days": ["1", "2"], "x": { "a": { "b": "1" } },
            "x[a]": "2", "odd[": "1", "[a]": "2"
        })
    );
    assert_eq!(plain(b"id=7&name=Ada"), Ok(json!({ "id": "7", "name": "Ada" })), "nothing says what it is");
}

#[test]
fn several_documents_are_a_list() {
    let both = json!([{ "a": 1 }, { "a": 2 }]);
    for body in [
        "{\"a\":1}{\"a\":2}",
        "{\"a\":1}\n{\"a\":2}\n",
        "{\"a\":1},\r\n{\"a\":2}",
        "\u{1e}{\"a\":1}\n\u{1e}{\"a\":2}\n",
    ] {
        assert_eq!(plain(body.as_bytes()), Ok(both.clone()), "{body}");
    }
    let many = "{}".repeat(10_001);
    assert_eq!(plain(many.as_bytes()), Err("the body holds more than 10000 JSON documents".to_owned()));
}

#[test]
fn forms_of_several_parts_are_read_like_other_forms() {
    let part = |head: &str, value: &[u8]| {
        [format!("--b\r\nContent-Disposition: form-data; {head}\r\n\r\n").as_bytes(), value, b"\r\n"].concat()
    };
    let whole = |parts: &[Vec<u8>]| [parts.concat(), b"--b--\r\n".to_vec()].concat();
    let said = headers(&[("content-type", "multipart/form-data; boundary=b")]);
    let fields = whole(&[
        part("name=\"guest[name]\"", "Åse".as_bytes()),
        part("name=\"guest[town]\"", b"Troms\xf8"),
        part("name=photo; filename=a.jpg", b"\xff\xd8\xff"),
        part("name=note; filename=a.txt", b"hello"),
    ]);
    let wanted = json!({ "guest": { "name": "Åse", "town": "Tromsø" }, "note": "hello" });
    assert_eq!(read_payload(&fields, &said), Ok(wanted.clone()));
    assert_eq!(plain(&fields), Ok(wanted), "nothing says what it is");
    let message = whole(&[part("name=sign", b"x"), part("name=payload; filename=blob", BODY.as_bytes())]);
    assert_eq!(read_payload(&message, &said), Ok(record()));
    assert_eq!(read_payload(BODY.as_bytes(), &said), Ok(record()), "JSON that is called a form");
}

#[test]
fn what_cannot_be_read_says_why() {
    let deep = "[".repeat(200);
    let cases: [(&str, &[u8]); 13] = [
        ("", b""),
        ("", b" \n"),
        ("", b"soon"),
        ("", b"\xff\xfe\x00"),
        ("content-type:application/json; charset=shift_jis", b"{\"a\":\"\xc5\"}"),
        ("", b"{\"a\":1}\n{\"a\":"),
        ("", b"1 {\"a\":1}"),
        ("", b"{\"a\":"),
        ("", deep.as_bytes()),
        ("content-encoding:br", b"{}"),
        ("content-encoding:gzip", b"\x1f\x8bnonsense"),
        ("content-encoding:a, b, c, d", b"{}"),
        ("content-type:multipart/form-data; boundary=x", b"--x--"),
    ];
    let said: Vec<String> = cases
        .into_iter()
        .map(|(header, body)| {
            let pairs: Vec<(&str, &str)> = header.split_once(':').into_iter().collect();
            read_payload(body, &headers(&pairs)).expect_err(header)
        })
        .collect();
    insta::assert_snapshot!(said.join("\n"));
}

proptest! {
    #[test]
    fn no_body_and_no_header_makes_it_panic(
        body in prop::collection::vec(any::<u8>(), 0..400),
        encoding in "(gzip|deflate|br|identity|[ -~]{0,12})(, ?(gzip|deflate))?",
        content_type in "(application/json|application/x-www-form-urlencoded|[ -~]{0,20})",
        start in prop::sample::select(vec![&b""[..], b"\x1f\x8b", b"\xff\xfe", b"\xfe\xff", b"{\0", b"{", b"a[b]="]),
    ) {
        let body = [start, &body].concat();
        let headers = headers(&[("content-encoding", &encoding), ("content-type", &content_type)]);
        let read = read_payload(&body, &headers);
        prop_assert!(read.is_ok() || !read.unwrap_err().is_empty());
        let _ = payload_text(&body, &headers);
    }
}
