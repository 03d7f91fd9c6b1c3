//! Forms that two readers read differently (field case R6).

use crate::request::{Request, TRANSCRIPTIONS};
use crate::row::{DENIED, INVALID, Row};

pub(crate) fn rows(model: &str) -> Vec<Row> {
    let good = part(r#"form-data; name="model""#, model);
    let mut rows = vec![
        Row::served("R6 a plain form", form("BB", &[FILE, &good]), TRANSCRIPTIONS),
        Row::served("R6 a plain form, the model first", form("BB", &[&good, FILE]), TRANSCRIPTIONS),
        Row::served("R6 a quoted boundary", form("\"B B\"", &[&good, FILE]), TRANSCRIPTIONS),
        Row::refused(
            "R6 a plain form, denied",
            form("BB", &[FILE, &part(r#"form-data; name="model""#, "o1-pro")]),
            DENIED,
        ),
    ];
    for (what, disposition) in SECOND_NAMES {
        let second = part(disposition, "o1-pro");
        let row = |parts: &[&str], order: &str| {
            Row::refused(format!("R6 {what}, {order}"), form("BB", parts), INVALID)
        };
        rows.push(row(&[&good, FILE, &second], "last"));
        rows.push(row(&[&second, FILE, &good], "first"));
    }
    let decoy = part(r#"form-data; name="model""#, "o1-pro");
    for (what, second) in [
        (
            "a header that is folded",
            "content-disposition: form-data;\r\n name=\"model\"\r\n\r\no1-pro",
        ),
        (
            "a part in lines without carriage returns",
            "content-disposition: form-data; name=\"model\"\n\no1-pro",
        ),
        (
            "a space before the colon",
            "content-disposition : form-data; name=\"model\"\r\n\r\no1-pro",
        ),
        (
            "two dispositions in one part",
            "content-disposition: form-data; name=\"other\"\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\no1-pro",
        ),
        (
            "a coding of one part",
            "content-disposition: form-data; name=\"model\"\r\ncontent-transfer-encoding: base64\r\n\r\nbzEtcHJv",
        ),
        (
            "a form inside the form",
            "content-disposition: form-data; name=\"more\"\r\ncontent-type: multipart/mixed; boundary=CC\r\n\r\n--CC\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\no1-pro\r\n--CC--",
        ),
    ] {
        rows.push(Row::refused(format!("R6 {what}"), form("BB", &[&good, FILE, second]), INVALID));
    }
    for (what, bytes) in [
        ("a decoy before the first boundary", format!("--BBB\r\n{decoy}\r\n{}", whole(&[&good]))),
        (
            "a preamble of lines without carriage returns",
            format!("--BB\n{decoy}\n{}", whole(&[&good])),
        ),
        (
            "a decoy after the last boundary",
            format!("{}--BB\r\n{decoy}\r\n--BB--\r\n", whole(&[&good])),
        ),
        (
            "a boundary that begins with the boundary",
            format!("--BB\r\n{good}\r\n--BBB\r\n{decoy}\r\n--BB--\r\n"),
        ),
        ("lines without carriage returns", whole(&[&good, &decoy]).replace("\r\n", "\n")),
        (
            "a boundary after a bare line's end",
            format!("--BB\r\n{good}\n--BB\r\n{decoy}\r\n--BB--\r\n"),
        ),
        ("spaces after the boundary", format!("--BB\r\n{good}\r\n--BB  \r\n{decoy}\r\n--BB--\r\n")),
        ("text after the boundary", format!("--BB\r\n{good}\r\n--BB;x\r\n{decoy}\r\n--BB--\r\n")),
        ("no last boundary", format!("--BB\r\n{good}\r\n--BB\r\n{decoy}\r\n")),
        ("JSON instead of a form", r#"{"model":"o1-pro"}"#.to_owned()),
    ] {
        rows.push(Row::refused(format!("R6 {what}"), of("BB", bytes), INVALID));
    }
    rows
}

/// The form's parts, in a boundary that is written so in the content type.
fn form(boundary: &str, parts: &[&str]) -> Request {
    of(boundary, within(boundary.trim_matches('"'), parts))
}

fn of(boundary: &str, body: String) -> Request {
    let kind = format!("multipart/form-data; boundary={boundary}");
    Request::post(TRANSCRIPTIONS, body).header("content-type", kind)
}

fn whole(parts: &[&str]) -> String {
    within("BB", parts)
}

fn within(boundary: &str, parts: &[&str]) -> String {
    let parts: String = parts.iter().map(|part| format!("--{boundary}\r\n{part}\r\n")).collect();
    format!("{parts}--{boundary}--\r\n")
}

fn part(disposition: &str, value: &str) -> String {
    format!("content-disposition: {disposition}\r\n\r\n{value}")
}

const FILE: &str = "content-disposition: form-data; name=\"file\"; filename=\"speech.wav\"\r\n\
                    content-type: audio/wav\r\n\r\nRIFF";

/// How a second part may be the model's for some reader.
const SECOND_NAMES: &[(&str, &str)] = &[
    ("two parts of one name", r#"form-data; name="model""#),
    ("a second name without quotes", "form-data; name=model"),
    ("a second name in another case", r#"form-data; name="Model""#),
    ("a second name with an escape", r#"form-data; name="mod\el""#),
    ("a second name as RFC 5987 has it", "form-data; name*=utf-8''model"),
    ("a second name in two spellings", "form-data; name=\"other\"; name*=utf-8''model"),
    ("a second name with percent escapes", r#"form-data; name="mod%65l""#),
    ("a second name with a space", r#"form-data; name="model ""#),
    ("a second name in another parameter's case", r#"form-data; NAME="model""#),
    ("a second name behind another", r#"form-data; name="other"; name="model""#),
    ("a second name before another", r#"form-data; name="model"; name="other""#),
    ("a name in a file's name", r#"form-data; name="other"; filename="; name=model""#),
    ("a name in a file's name that ends early", r#"form-data; filename="x\"; name="model""#),
    ("a second name of a file", r#"form-data; name="model"; filename="model.txt""#),
    ("a second name of an attachment", r#"attachment; name="model""#),
];
