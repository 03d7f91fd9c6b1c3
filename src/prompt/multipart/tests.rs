//! Forms as real clients write them, and as nobody's client does.

use super::super::{MediaType, Places, Refusal, read};
use crate::testing::test;

const PLACES: Places = Places { model: "model", others: &["session.model"] };

fn model(content_type: &str, body: &[u8], places: &Places) -> Result<Option<String>, String> {
    let media_type = MediaType::of(Some(content_type.as_bytes()), None);
    let reading = media_type.and_then(|media_type| read(body, &media_type, places));
    reading.map_err(Refusal::into_sentence).map(|reading| {
        reading.named.map(|named| {
            let written = &body[named.place.clone()];
            assert_eq!(named.rewritten(&named.name), written);
            named.name
        })
    })
}

/// The heads and values of parts, written as most clients write them.
fn form(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut body = String::new();
    for (head, value) in parts {
        body += &format!("--b\r\n{head}\r\n\r\n{value}\r\n");
    }
    (body + "--b--\r\n").into_bytes()
}

const TYPE: &str = "multipart/form-data; boundary=b";
const MODEL: (&str, &str) = ("Content-Disposition: form-data; name=\"model\"", "whisper");

fn of(parts: &[(&str, &str)]) -> Result<Option<String>, String> {
    model(TYPE, &form(parts), &Places::MODEL)
}

#[test]
fn forms_of_real_clients_are_read() {
    let sound: &str = "RIFF\0\r\n\r\nname=\"model\"\r\n--\r\n- -b\n--";
    for (content_type, boundary, model_head, file_head, end) in [
        (
            // curl 8
            "multipart/form-data; boundary=------------------------d74496d66958873e",
            "------------------------d74496d66958873e",
            "Content-Disposition: form-data; name=\"model\"",
            "Content-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\nContent-Type: audio/x-wav",
            "--\r\n",
        ),
        (
            // Chrome
            "multipart/form-data; boundary=----WebKitFormBoundaryePkpFF7tjBAqx29L",
            "----WebKitFormBoundaryePkpFF7tjBAqx29L",
            "Content-Disposition: form-data; name=\"model\"",
            "Content-Disposition: form-data; name=\"file\"; filename=\"a b;c.wav\"\r\nContent-Type: audio/wav",
            "--\r\n",
        ),
        (
            // Firefox
            "multipart/form-data; boundary=---------------------------9051914041544843365972754266",
            "---------------------------9051914041544843365972754266",
            "Content-Disposition: form-data; name=\"model\"",
            "Content-Disposition: form-data; name=\"file\"; filename=\"\u{e4}%22.wav\"\r\nContent-Type: audio/wav",
            "--\r\n",
        ),
        (
            // Python's requests (urllib3 2), and httpx, on which openai builds
            "multipart/form-data; boundary=2c9b1a3b7b0e4f5d9a0c6d8e7f1a2b3c",
            "2c9b1a3b7b0e4f5d9a0c6d8e7f1a2b3c",
            "Content-Disposition: form-data; name=\"model\"",
            "Content-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\nContent-Type: audio/wav",
            "--\r\n",
        ),
        (
            // Python's aiohttp
            "multipart/form-data; boundary=2c9b1a3b7b0e4f5d9a0c6d8e7f1a2b3c",
            "2c9b1a3b7b0e4f5d9a0c6d8e7f1a2b3c",
            "Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name=\"model\"",
            "Content-Type: audio/x-wav\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"",
            "--\r\n",
        ),
        (
            // Node's fetch
            "multipart/form-data; boundary=----formdata-undici-012345678901",
            "----formdata-undici-012345678901",
            "Content-Disposition: form-data; name=\"model\"",
            "Content-Disposition: form-data; name=\"file\"; filename=\"blob\"\r\nContent-Type: application/octet-stream",
            "--\r\n",
        ),
        (
            // Go's mime/multipart
            "multipart/form-data; boundary=7f1d4c6b2f6f4a2c9e4b3f6e1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f",
            "7f1d4c6b2f6f4a2c9e4b3f6e1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f",
            "Content-Disposition: form-data; name=\"model\"",
            "Content-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\nContent-Type: application/octet-stream",
            "--\r\n",
        ),
        (
            // .NET's HttpClient
            "multipart/form-data; boundary=\"b2f6b9a8-5e0c-4c66-8b89-7d5ed2cbe6b5\"",
            "b2f6b9a8-5e0c-4c66-8b89-7d5ed2cbe6b5",
            "Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name=model",
            "Content-Disposition: form-data; name=file; filename=a.wav; filename*=utf-8''a.wav",
            "--\r\n",
        ),
        (
            // Java's OkHttp
            "multipart/form-data; boundary=3f9e0f5c-9a86-4a3c-8c5e-d9b0cf0c7a55",
            "3f9e0f5c-9a86-4a3c-8c5e-d9b0cf0c7a55",
            "Content-Disposition: form-data; name=\"model\"\r\nContent-Length: 7",
            "Content-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\nContent-Type: audio/wav\r\nContent-Length: 24",
            "--\r\n",
        ),
        (
            // Java's Apache client
            "multipart/form-data; charset=UTF-8; boundary=Zx_9-aB",
            "Zx_9-aB",
            "Content-Disposition: form-data; name=\"model\"\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: 8bit",
            "Content-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary",
            "--",
        ),
    ] {
        let part = |head: &str, value: &str| format!("--{boundary}\r\n{head}\r\n\r\n{value}\r\n");
        let (model_part, file) = (part(model_head, "whisper"), part(file_head, sound));
        for parts in [format!("{model_part}{file}"), format!("{file}{model_part}")] {
            let body = format!("{parts}--{boundary}{end}");
            let read = model(content_type, body.as_bytes(), &PLACES);
            assert_eq!(read, Ok(Some("whisper".to_owned())), "{content_type}");
        }
    }
}

#[test]
fn sound_is_bytes_of_any_kind() {
    let sound: Vec<u8> = (0..100_000_u32).flat_map(|n| n.wrapping_mul(n).to_le_bytes()).collect();
    let file = b"--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n";
    let body = [&file[..], &sound, b"\r\n", &form(&[MODEL])].concat();
    assert_eq!(model(TYPE, &body, &PLACES), Ok(Some("whisper".to_owned())));
    let none = [&file[..], &sound, b"\r\n--b--"].concat();
    assert_eq!(model(TYPE, &none, &PLACES), Ok(None));
}

#[test]
fn a_part_is_named_model_once_and_in_one_spelling() {
    assert_eq!(of(&[MODEL]), Ok(Some("whisper".to_owned())));
    assert_eq!(of(&[MODEL, MODEL]), Err("the request body names `model` twice".to_owned()));
    for name in [
        "Model", "MODEL", "model[]", "model[0]", "model[x]", "model.x", "model.", "[model]",
        "[model", "_model", "mod-el", "model]", ".model", "model_", "MODEL[]",
    ] {
        let head = format!("Content-Disposition: form-data; name=\"{name}\"");
        for parts in [&[(head.as_str(), "o1-pro")][..], &[MODEL, (&head, "o1-pro")]] {
            assert!(of(parts).is_err(), "{name}");
        }
    }
    for name in ["models", "base_model", "x[model]", "x.model", "response_format", "a[]"] {
        let head = format!("Content-Disposition: form-data; name=\"{name}\"");
        assert_eq!(of(&[MODEL, (&head, "o1-pro")]), Ok(Some("whisper".to_owned())), "{name}");
    }
}

#[test]
fn the_model_is_plain_text() {
    for more in [
        "; filename=\"m\"",
        "; filename=\"\"",
        "; filename*=utf-8''m",
        "\r\nContent-Transfer-Encoding: base64",
        "\r\nContent-Transfer-Encoding: quoted-printable",
        "\r\nContent-Type: text/plain; charset=utf-16",
        "\r\nContent-Type: text/plain; charset=utf-7",
    ] {
        let head = format!("{}{more}", MODEL.0);
        assert!(of(&[(&head, "whisper")]).is_err(), "{more}");
    }
    for value in ["a\0", "a\r\n", "a\nb", "\ta", "a\x7f", "a\u{85}"] {
        assert!(of(&[(MODEL.0, value)]).is_err(), "{value:?}");
    }
    let latin = [&form(&[MODEL])[..48], b"\xe9\r\n--b--"].concat();
    assert!(model(TYPE, &latin, &Places::MODEL).is_err(), "not UTF-8");
    assert!(of(&[MODEL, ("Content-Disposition: form-data; name=\"_charset_\"", "x")]).is_err());
    assert!(of(&[MODEL, ("Content-Disposition: form-data; name=\"_Charset_\"", "x")]).is_err());
    assert_eq!(of(&[(MODEL.0, "")]), Ok(Some(String::new())));
}

#[test]
fn a_second_model_is_hidden_nowhere() {
    let good = String::from_utf8(form(&[MODEL])).expect("text");
    let other = "Content-Disposition: form-data; name=\"model\"\r\n\r\no1-pro\r\n";
    for body in [
        format!("--b\r\n{other}{good}"),
        format!("preamble\r\n{good}"),
        format!("\r\n{good}"),
        format!("{good}--b\r\n{other}--b--\r\n"),
        format!("{good}epilogue"),
        good.replace("--b--", &format!("--b \r\n{other}--b--")),
        good.replace("--b--", &format!("--bb\r\n{other}--bb--\r\n--b--")),
        good.replace("\r\n--b--", &format!("\n--b\n{other}--b--")),
        good.replace('\n', ""),
        good.replace("\r\n", "\n"),
        good.replace("\r\n", "\r"),
        good.replace("Content-Disposition:", "Content-Disposition: form-data;\r\n"),
        good.replace("Content-Disposition:", "Content-Disposition :"),
        good.replace("--b--\r\n", ""),
        good.replace("--b--", "--b"),
        format!("{good}{good}"),
        String::new(),
    ] {
        assert!(model(TYPE, body.as_bytes(), &Places::MODEL).is_err(), "{body:?}");
    }
    for head in [
        "Content-Disposition: form-data; name=\"file\"; filename=\"a\"; name=\"model\"",
        "Content-Disposition: form-data; name=\"file\"; filename=\"a; name=model\"",
        "Content-Disposition: form-data; name=\"file\"; filename=\"a\\\"; name=\\\"model\"",
        "Content-Disposition: form-data; name=\"file\"; x=\"; name*=utf-8''model\"",
        "Content-Disposition: form-data; name=\"file\"; name*=utf-8''model",
        "Content-Disposition: form-data; name*0=mo; name*1=del",
        "Content-Disposition: form-data; name=\"mo\\del\"",
        "Content-Disposition: form-data; name=\"mo\\\\del\"",
        "Content-Disposition: form-data; name=\"m%6Fdel\"",
        "Content-Disposition: form-data; name=\"file\"\r\nContent-Disposition: form-data; name=model",
        "Content-Disposition: form-data; name=\"file\"\r\n ; name=\"model\"",
        "Content-Disposition: form-data; name=\"file\"\r\nX-Note: ; name=\"model\"",
        "Content-Disposition: attachment; name=\"model\"",
        "X: y",
    ] {
        assert!(of(&[MODEL, (head, "o1-pro")]).is_err(), "{head}");
    }
}

#[test]
fn a_part_may_hold_json_that_names_models() {
    let places = Places { model: "session.model", others: &["session.tools[].model"] };
    let session =
        "Content-Disposition: form-data; name=\"session\"\r\nContent-Type: application/json";
    let sdp = ("Content-Disposition: form-data; name=\"sdp\"", "v=0\r\no=- 1 1 IN IP4 0.0.0.0");
    let read = |value: &str| model(TYPE, &form(&[sdp, (session, value)]), &places);
    assert_eq!(read(r#"{"type":"realtime","model":"gpt"}"#), Ok(Some("gpt".to_owned())));
    assert_eq!(read(r#"{"model":null}"#), Ok(None));
    assert_eq!(read("7"), Ok(None));
    for value in ["", "{", r#"{"model":"a","model":"b"}"#, r#"{"Model":"a"}"#, r#"{"model":7}"#] {
        assert!(read(value).is_err(), "{value}");
    }
    let twice = form(&[(session, r#"{"model":"a"}"#), (session, r#"{"model":"b"}"#)]);
    assert!(model(TYPE, &twice, &places).is_err());
    let nested = ("Content-Disposition: form-data; name=\"session[model]\"", "b");
    assert!(model(TYPE, &form(&[nested]), &places).is_err());
    let body = form(&[(session, r#"{"tools":[{"model":"a"},{"model":{"x":1}}]}"#)]);
    let media_type = MediaType::of(Some(TYPE.as_bytes()), None).expect("a form");
    let reading = super::super::read(&body, &media_type, &places).expect("plain");
    assert_eq!((reading.named, reading.others), (None, vec!["a".to_owned()]));
}
