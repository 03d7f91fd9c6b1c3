//! Spellings of one path that all readers take for the same (field case R2): judged as that path, and
//! sent on as that path.

use crate::request::{Request, V1_CHAT, chat_path};
use crate::row::{DENIED, Row};

pub(crate) fn rows(model: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    for (what, path) in OF_A_DEPLOYMENT {
        let request = |name: &str| {
            let path = path.replace("/D/", &format!("/{name}/"));
            // The body says otherwise than the path: the path is what counts.
            let body = format!(r#"{{"model":"{model}","messages":[]}}"#);
            Request::json(format!("{path}?api-version=2024-10-21"), body)
        };
        rows.push(Row::refused(format!("R2 {what}, denied"), request("o1-pro"), DENIED));
        rows.push(Row::served(format!("R2 {what}"), request(model), &chat_path(model)));
    }
    for (what, path) in OF_A_BODYS_MODEL {
        let request =
            |name: &str| Request::json(path, format!(r#"{{"model":"{name}","messages":[]}}"#));
        rows.push(Row::refused(format!("R2 {what}, denied"), request("o1-pro"), DENIED));
        rows.push(Row::served(format!("R2 {what}"), request(model), V1_CHAT));
    }
    for (what, name) in OF_A_DENIED_NAME {
        let request = Request::chat(name, "");
        rows.push(Row::refused(format!("R2 {what}, denied"), request, DENIED));
    }
    rows
}

const OF_A_DEPLOYMENT: &[(&str, &str)] = &[
    ("the plain path", "/openai/deployments/D/chat/completions"),
    ("repeated slashes before the path", "//openai/deployments/D/chat/completions"),
    ("repeated slashes inside the path", "/openai//deployments/D/chat/completions"),
    ("repeated slashes around the name", "/openai/deployments///D//chat//completions"),
    ("repeated slashes and another case", "//openai//Deployments/D/chat/completions"),
    ("known words in another case", "/OpenAI/Deployments/D/chat/completions"),
    ("all known words in upper case", "/OPENAI/DEPLOYMENTS/D/CHAT/COMPLETIONS"),
    ("an escaped letter", "/openai/%64eployments/D/chat/completions"),
    ("an escaped letter in another case", "/%4fpenAI/deployments/D/chat/completions"),
    ("escaped letters at the end", "/openai/deployments/D/chat/completion%73"),
];

const OF_A_BODYS_MODEL: &[(&str, &str)] = &[
    ("repeated slashes before v1", "//openai//v1/chat/completions"),
    ("v1 in another case", "/OpenAI/V1/Chat/Completions"),
    ("an escaped letter of v1", "/openai/%76%31/chat/completions"),
];

const OF_A_DENIED_NAME: &[(&str, &str)] = &[
    ("an escaped letter of the name", "%6f1-pro"),
    ("an escaped hyphen of the name", "o1%2dpro"),
    ("every letter of the name escaped", "%6F%31%2D%70%72%6F"),
];
