//! Carrying out, on the model of Envoy, what an exchange wants done to the stream itself.

use spillway::affinity::set_cookie;
use spillway::cleaning::Change;
use spillway::config::SecureCookie;
use spillway::exchange::Effect;
use spillway::exchange::effect::RETRY;
use spillway::exchange::redirect::FOLLOWED;
use spillway::reply::Reply;

use super::{CLUSTER, LAST_WORDS};
use crate::envoy::Stream;
use crate::http::{Answer, Headers};

/// Changes headers, bodies and filter state.
pub(super) fn carry_out(effect: Effect, stream: &mut Stream) {
    match effect {
        Effect::FailOverTo(backend) => {
            stream.filter_state.insert(CLUSTER.into(), backend.into());
        }
        Effect::SetRequestHeader(name, value) => request(stream).set(name, value),
        Effect::RemoveRequestHeader(name) => request(stream).remove(&name),
        Effect::DropRequestTrailers => {
            stream.request_trailers.as_mut().expect("trailers pass").0.clear();
        }
        Effect::ReplaceBody { place, with } => {
            stream.request_body.as_mut().expect("a body passes").splice(place, with);
        }
        Effect::Append(bytes) => {
            let there = stream.answer_body.as_ref().map_or(0, Vec::len);
            stream.append_to_answer(there, &bytes);
        }
        Effect::ReplacePart { from, with } => {
            let body = stream.answer_body.as_mut().expect("a part passes");
            body.truncate(from);
            body.extend(with);
        }
        Effect::LastWords(words) => {
            stream.filter_state.insert(LAST_WORDS.into(), words);
            stream.answer_resumed = true;
        }
        Effect::MarkRetry => leaving(stream).set(RETRY, "1"),
        Effect::Redirect { to } => {
            leaving(stream).set(":status", FOLLOWED.to_string());
            leaving(stream).set("location", to);
        }
        Effect::SetAnswerHeader(name, value) => leaving(stream).set(name, value),
        Effect::RemoveAnswerHeader(name) => leaving(stream).remove(name),
        Effect::ChangeAnswer(changes) => change(leaving(stream), changes),
        Effect::ChangeTrailers(changes) => {
            change(stream.answer_trailers.as_mut().expect("trailers pass"), changes);
        }
        Effect::IssueCookie { affinity, value } => {
            let cookie = set_cookie(&affinity, &value, affinity.secure == SecureCookie::Always);
            leaving(stream).add("set-cookie", cookie);
        }
        Effect::Note(note, text) => {
            stream.filter_state.insert(note.property().into(), text.into());
        }
        other => panic!("nothing carries out {other:?}"),
    }
}

fn change(fields: &mut Headers, changes: Vec<Change>) {
    for change in changes {
        match change {
            Change::Remove(name) => fields.remove(&name),
            Change::Set(name, value) => fields.set(&name, value),
            Change::Add(name, value) => fields.add(&name, value),
        }
    }
}

/// The request's headers.
pub(super) fn request(stream: &mut Stream) -> &mut Headers {
    stream.request.as_mut().expect("the request passes")
}

fn leaving(stream: &mut Stream) -> &mut Headers {
    stream.answer.as_mut().expect("the answer passes")
}

/// The answer's status.
pub(super) fn status(stream: &Stream) -> u16 {
    let status = stream.answer.as_ref().and_then(|headers| headers.text(":status"));
    status.and_then(|text| text.parse().ok()).expect("a status")
}

/// A reply of the gateway's own, as an answer.
pub(super) fn reply_as_answer(reply: &Reply) -> Answer {
    let headers = reply.headers.iter();
    let headers = headers.map(|(name, value)| ((*name).to_owned(), value.clone().into_bytes()));
    let headers = Headers(headers.collect());
    Answer { status: reply.status, headers, body: reply.body.clone(), ..Answer::default() }
}
