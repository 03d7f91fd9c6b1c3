//! Event streams from bytes of any kind, cut anywhere.

use spillway::stream::{Api, Cut, Ending, Events, Piece};

/// The first byte says where to cut and how much of an event is kept. However a stream is cut, it has
/// the same events and ends in the same way; nothing longer than what is kept is handed over.
pub fn run(bytes: &[u8]) {
    let Some((&seed, stream)) = bytes.split_first() else { return };
    let most = if seed & 1 == 0 { 64 * 1024 } else { 16 };
    let step = usize::from(seed >> 1) + 1;
    let whole = events([stream], most);
    assert_eq!(events(stream.chunks(step), most), whole);
    for (_, data) in &whole {
        assert!(data.len() <= most, "{} bytes of an event", data.len());
    }

    for api in [None, Some(Api::Completions), Some(Api::Responses)] {
        let mut one = Ending::new(api, most);
        let mut parts = Ending::new(api, most);
        let mut faults = [Vec::new(), Vec::new()];
        faults[0].extend(one.push(stream, &mut |_| {}));
        for part in stream.chunks(step) {
            faults[1].extend(parts.push(part, &mut |_| {}));
        }
        faults[0].extend(one.finish(&mut |_| {}));
        faults[1].extend(parts.finish(&mut |_| {}));
        assert_eq!(faults[0], faults[1]);
        assert!(faults[0].len() <= 1, "a fault is told once");
        assert_eq!(one.error_event(Cut::Backend), parts.error_event(Cut::Backend));
        // What is appended is one whole event, whatever came before.
        if let Some(words) = one.error_event(Cut::Backend) {
            assert!(words.ends_with(b"\n\n"));
        }
    }
}

fn events<'a>(parts: impl IntoIterator<Item = &'a [u8]>, most: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
    let (mut events, mut all) = (Events::new(most), Vec::new());
    let mut each = |piece: Piece<'_>| {
        if let Piece::Event(event) = piece {
            all.push((event.name.to_vec(), event.data.to_vec()));
        }
    };
    for part in parts {
        events.push(part, &mut each);
    }
    events.finish(&mut each);
    all
}
