//! A request that is played through the core, as the filter plays it: every event with a world of
//! its own, the board read from bytes where the core asks for it, records put back there.

use std::cell::RefCell;
use std::rc::Rc;

use spillway::announced::Announcement;
use spillway::breaker::board::{self, Board, Record};
use spillway::exchange::event::Answer;
use spillway::exchange::head::Head;
use spillway::exchange::{Effect, Event, Exchange, Shared, World};
use spillway::gateway::Gateway;
use spillway::pool::Local;

use crate::given::{ANSWER, NOW, body, secret, stream};

/// One request at a worker of a gateway.
pub struct Request {
    exchange: Exchange,
    pools: Vec<Local>,
    board: RefCell<Vec<u8>>,
    body: Vec<u8>,
    cookie: Option<Vec<u8>>,
    parts: Vec<Vec<u8>>,
    marked: bool,
}

impl Request {
    /// A chat request that has not arrived yet, and the circuits that it finds.
    pub fn of(gateway: &Rc<Gateway>, board: &Board) -> Self {
        let exchange = Exchange::new(gateway.clone());
        let (pools, board) = (gateway.pools(), RefCell::new(board.encode(NOW)));
        let body = body(1000, true);
        Self { exchange, pools, board, body, cookie: None, parts: Vec::new(), marked: false }
    }

    /// The same, for a stream and of this length; as the SDKs write it, its model comes last.
    #[must_use]
    pub fn of_length(mut self, length: usize) -> Self {
        self.body = body(length, false);
        self
    }

    /// The same from a client that has been here before: its cookie names this member.
    #[must_use]
    pub fn pinned_to(mut self, gateway: &Gateway, member: usize) -> Self {
        let tag = gateway.route(0).and_then(|route| route.tags.issue(member, b"")).expect("a tag");
        self.cookie = Some(format!("theme=dark; Spillway-Affinity={tag}").into_bytes());
        self
    }

    /// The same, to be answered by a stream of so many words.
    #[must_use]
    pub fn streamed(mut self, words: usize) -> Self {
        self.parts = stream(words);
        self
    }

    /// It arrives, for a model that its path names, and waits for nothing: it has its backend.
    pub fn arrives_alone(&mut self) {
        self.arrives("/openai/deployments/gpt-4o/embeddings?api-version=2024-10-21");
    }

    /// The same, and its first attempt starts: its second backend is known too.
    pub fn arrives_and_starts(&mut self) {
        self.arrives_alone();
        self.on(Event::AttemptStarts);
    }

    /// A chat: it arrives and its body is there. It has its backend.
    pub fn asks(&mut self) {
        self.arrives("/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21");
        self.brings_its_body();
    }

    /// The same, where only its body names the model.
    pub fn asks_by_its_body(&mut self) {
        self.arrives("/openai/v1/chat/completions");
        self.brings_its_body();
    }

    fn brings_its_body(&mut self) {
        let body = std::mem::take(&mut self.body);
        self.on(Event::Body(&body));
        self.body = body;
    }

    /// The first backend answers, and the client has it all.
    pub fn is_answered(&mut self) {
        self.on(Event::AttemptStarts);
        self.on(Event::Answered(answer(200)));
        self.on(Event::Opening { bytes: ANSWER, end: true, readable: true });
        self.is_over();
    }

    /// The backend is at its limit, and says for how long.
    pub fn is_throttled(&mut self) {
        self.on(Event::AttemptStarts);
        let announcement =
            Announcement { retry_after: Some(b"20".to_vec()), ..Announcement::default() };
        self.on(Event::Answered(Answer { announcement, ..answer(429) }));
        assert!(std::mem::take(&mut self.marked), "another backend is asked");
    }

    /// The backend begins a stream.
    pub fn begins_to_stream(&mut self) {
        self.on(Event::AttemptStarts);
        self.on(Event::Answered(Answer { streams: true, ..answer(200) }));
    }

    /// All parts of the stream pass.
    pub fn streams(&mut self) {
        let parts = std::mem::take(&mut self.parts);
        for (at, bytes) in parts.iter().enumerate() {
            self.on(Event::StreamPart { bytes, end: at + 1 == parts.len() });
        }
        self.parts = parts;
    }

    /// The answer leaves, and that was it.
    pub fn is_over(&mut self) {
        self.on(Event::Leaving { status: 200, region: None });
        self.on(Event::Ended { complete: true });
    }

    /// The tokens that it was told of, so that whoever plays it can see that it was.
    pub const fn tokens(&self) -> Option<u64> {
        self.exchange.usage().completion
    }

    fn arrives(&mut self, path: &str) {
        let head = Head {
            path: path.as_bytes().to_vec(),
            cookie: self.cookie.clone(),
            has_body: true,
            content_type: Some(b"application/json".to_vec()),
            content_length: Some(self.body.len().to_string().into_bytes()),
            ..Head::default()
        };
        self.on(Event::Arrived(head.with_key(secret("KEY_2").unwrap_or_default().into_bytes())));
    }

    fn on(&mut self, event: Event<'_>) {
        let board = &self.board;
        let put = |record: &Record| {
            let changed = board::with(&board.borrow(), record);
            changed.map(|changed| board.replace(changed.bytes)).is_some()
        };
        let shared = Shared {
            clock: &|| NOW.into(),
            board: &|| Board::decode(&board.borrow()),
            record: &put,
            draw: &|| 500,
        };
        let effects = self.exchange.on(event, &mut World::new(&mut self.pools, &shared));
        for effect in effects {
            match effect {
                Effect::Record(record) => _ = put(&record),
                Effect::MarkRetry => self.marked = true,
                Effect::Reply(reply) => panic!("refused: {reply:?}"),
                _ => {}
            }
        }
    }
}

fn answer(status: u16) -> Answer {
    Answer { status, has_body: true, readable: true, ..Answer::default() }
}
