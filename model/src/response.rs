//! The answer's way back: the listener's filters, and the client.

use crate::http::Answer;
use crate::router::RETRY;
use crate::{Action, Callback, Envoy, Passage, Runtime};

impl<R: Runtime> Envoy<R> {
    /// The answer's way through the listener's filters to the client. `lost`: the upstream filter's
    /// stream, whose backend has broken off the answer.
    pub(super) fn leave(
        &mut self,
        answer: Answer,
        lost: Option<u32>,
        passage: &mut Passage,
    ) -> Answer {
        let Passage { stream, downstream, last_words, .. } = passage;
        let (downstream, last_words) = (*downstream, *last_words);
        let worker = &mut self.workers[passage.worker];
        stream.request = None;
        let Answer { mut headers, body, cuts, broken, trailers, .. } = answer;
        headers.remove(RETRY);
        stream.response = Some(headers);
        let ends_with_body = !broken && trailers.0.is_empty();
        let end = body.is_empty() && ends_with_body;
        let action = worker.on(downstream, Callback::ResponseHeaders { end }, stream);
        if let Some(reply) = stream.reply.take() {
            // It goes to the client as it is, past every filter.
            return reply;
        }
        let paired = action == Action::Pause;
        assert!(!paired || !body.is_empty(), "the downstream filter holds an answer for ever");
        let mut headers = stream.response.take().unwrap_or_default();
        let mut passed = Vec::new();
        let answer = Answer { body, cuts, ..Answer::default() };
        let parts = answer.parts();
        for (number, part) in parts.iter().enumerate() {
            let callback = Callback::ResponseBody {
                size: part.len(),
                end: number + 1 == parts.len() && ends_with_body,
            };
            stream.response_body = Some(part.clone());
            assert_eq!(worker.on(downstream, callback, stream), Action::Continue);
            assert_eq!(worker.on(last_words, callback, stream), Action::Continue);
            passed.extend(stream.response_body.take().unwrap_or_default());
        }
        let mut resumed = std::mem::take(&mut passage.resumed);
        if let Some(context) = lost {
            worker.close(context, stream);
            resumed |= std::mem::take(&mut stream.response_resumed);
        }
        if resumed && paired {
            stream.response_body = Some(Vec::new());
            let callback = Callback::ResponseBody { size: 0, end: false };
            worker.on(last_words, callback, stream);
            passed.extend(stream.response_body.take().unwrap_or_default());
        }
        if !trailers.0.is_empty() {
            stream.response_trailers = Some(trailers);
            worker.on(downstream, Callback::ResponseTrailers, stream);
        }
        let trailers = stream.response_trailers.take().unwrap_or_default();
        let status = headers.text(":status").and_then(|text| text.parse().ok()).expect("a status");
        headers.remove(":status");
        Answer { status, headers, body: passed, broken, trailers, ..Answer::default() }
    }
}
