//! `spillway top`, into a pipe and in a terminal, on the real Envoy.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};
use spillway_integration::{Call, find};
use spillway_simulator::{Fault, RetryAfter};

use crate::status::{gateway, regions, report_of};

fn top(arguments: &[&str]) -> Output {
    Command::new(find::command()).arg("top").args(arguments).output().expect("the command runs")
}

#[tokio::test]
async fn top_prints_the_same_once_into_a_pipe() {
    let regions = regions().await;
    let gateway = gateway(&regions).await;
    regions[0].script(Fault::too_many_requests(RetryAfter::Seconds(300)));
    assert_eq!(gateway.send(&Call::chat("gpt-4o-mini")).await.status, 200);
    report_of(&gateway, "gpt-4o-mini", 1).await;
    let at = gateway.status().to_string();
    let shown =
        tokio::task::spawn_blocking(move || top(&["--status", &at])).await.expect("it ends");
    assert!(shown.status.success() && shown.stderr.is_empty(), "{shown:?}");
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(!text.contains('\x1b'), "no control characters: {text}");
    assert!(text.contains("gpt-4o-mini: 1 request, 1 answered, 1 failover"), "{text}");
    assert!(text.contains("■ open throttled, "), "{text}");
    assert!(text.contains("eastus → swedencentral  throttled 429"), "{text}");

    // What speaks HTTP and is no status page is told apart.
    for (at, said) in [(gateway.at, "has no status: "), (gateway.admin, "is no status page")] {
        let at = at.to_string();
        let shown = tokio::task::spawn_blocking(move || top(&["--status", &at])).await;
        let shown = shown.expect("it ends");
        let text = String::from_utf8_lossy(&shown.stderr).into_owned();
        assert_eq!(shown.status.code(), Some(2));
        assert!(text.starts_with("error: ") && text.contains(said), "{text}");
    }
}

#[tokio::test]
async fn top_shows_several_gateways_as_one_and_says_which_does_not_answer() {
    let regions = regions().await;
    let (one, other) = (gateway(&regions).await, gateway(&regions).await);
    regions[0].script(Fault::too_many_requests(RetryAfter::Seconds(300)));
    for gateway in [&one, &other] {
        assert_eq!(gateway.send(&Call::chat("gpt-4o-mini")).await.status, 200);
        report_of(gateway, "gpt-4o-mini", 1).await;
    }
    let mut at: Vec<String> = [&one, &other].map(|it| it.status().to_string()).into();
    at.push("127.0.0.1:1".to_owned());
    let shown = tokio::task::spawn_blocking(move || {
        top(&at.iter().map(String::as_str).collect::<Vec<_>>())
    });
    let shown = shown.await.expect("it ends");
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.status.success() && shown.stderr.is_empty(), "{shown:?}");
    assert!(text.starts_with("2 of 3 gateways answer, "), "{text}");
    assert!(text.contains("no gateway answers at 127.0.0.1:1: nothing listens there"), "{text}");
    assert!(text.contains("gpt-4o-mini: 2 requests, 2 answered, 1 failover"), "{text}");
    let open = format!(" left at {}; ● closed at {}", one.status(), other.status());
    assert!(text.contains(&open), "{text}");
}

/// A terminal with `top` in it.
struct Screen {
    terminal: File,
    child: Child,
    shown: String,
}

impl Screen {
    fn open(arguments: &[&str]) -> Self {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        // Only then is closing it its end: what is started would hold it too.
        fcntl_setfd(&terminal, FdFlags::CLOEXEC).expect("a terminal");
        grantpt(&terminal).and_then(|()| unlockpt(&terminal)).expect("a terminal");
        let name = ptsname(&terminal, Vec::new()).expect("its name");
        let name = name.to_str().expect("text").to_owned();
        let inside = || File::options().read(true).write(true).open(&name).expect("its inside");
        let mut command = Command::new(find::command());
        command.arg("top").args(arguments).stdin(inside()).stdout(inside()).stderr(inside());
        let child = command.spawn().expect("the command runs");
        Self { terminal: File::from(terminal), child, shown: String::new() }
    }

    /// Reads until this is shown, or until nothing more is.
    fn until(&mut self, text: &str) -> String {
        let mut bytes = [0; 4096];
        let deadline = Instant::now() + Duration::from_secs(30);
        // It writes each second: no read takes longer.
        while !self.shown.contains(text) && Instant::now() < deadline {
            match self.terminal.read(&mut bytes) {
                Ok(length @ 1..) => {
                    self.shown.push_str(&String::from_utf8_lossy(&bytes[..length]));
                }
                _ => break,
            }
        }
        assert!(self.shown.contains(text), "no {text:?} in {:?}", self.shown);
        std::mem::take(&mut self.shown)
    }

    /// How the command ended, once it has.
    fn end(&mut self) -> Option<i32> {
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().expect("a status") {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.child.kill().expect("it can be ended");
        panic!("it does not end")
    }

    fn echoes(&self) -> bool {
        let modes = tcgetattr(&self.terminal).expect("its modes").local_modes;
        modes.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG)
    }
}

#[tokio::test]
async fn top_is_live_in_a_terminal_and_leaves_it_as_it_was() {
    let regions = regions().await;
    let gateway = gateway(&regions).await;
    let at = gateway.status().to_string();
    let mut screen = tokio::task::spawn_blocking(move || {
        let mut screen = Screen::open(&["--status", &at]);
        let first = screen.until("q ends");
        assert!(first.starts_with(ENTER) && first.contains("● closed"), "{first:?}");
        assert!(!screen.echoes(), "keys are not shown");
        screen
    })
    .await
    .expect("it is shown");
    regions[0].script(Fault::too_many_requests(RetryAfter::Seconds(300)));
    assert_eq!(gateway.send(&Call::chat("gpt-4o-mini")).await.status, 200);
    let ended = tokio::task::spawn_blocking(move || {
        screen.until("■ open throttled");
        screen.terminal.write_all(b"q").expect("a key");
        (screen.end(), screen.until(LEAVE), screen.echoes())
    });
    let (code, last, echoes) = ended.await.expect("it ends");
    assert_eq!((code, echoes), (Some(0), true));
    assert!(last.ends_with(LEAVE), "{last:?}");
}

#[tokio::test]
async fn top_ends_at_once_by_ctrl_c_and_by_signals_and_with_its_terminal() {
    let regions = regions().await;
    let gateway = gateway(&regions).await;
    let at = gateway.status().to_string();
    // Far longer than the test waits: it does not end because it looks again.
    let open = move || {
        let mut screen = Screen::open(&["--status", &at, "--interval", "3600"]);
        screen.until("q ends");
        screen
    };
    let ended = tokio::task::spawn_blocking(move || {
        let mut screen = open();
        screen.terminal.write_all(b"\x1b[A\x03").expect("keys");
        assert_eq!(screen.end(), Some(0));
        screen.until(LEAVE);
        for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
            let mut screen = open();
            kill_process(Pid::from_child(&screen.child), signal).expect("a signal");
            assert_eq!(screen.end(), Some(0), "{signal:?}");
            screen.until(LEAVE);
            assert!(screen.echoes(), "{signal:?}");
        }
        let mut screen = open();
        // The last thing that holds the terminal is replaced, and so it is gone.
        screen.terminal = File::open("/dev/null").expect("a file");
        screen.end()
    });
    ended.await.expect("it ends");
}

/// The other screen and no cursor, and the way back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
