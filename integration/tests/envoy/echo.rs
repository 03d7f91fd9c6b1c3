//! A backend that shows in its answer what it was sent: nothing of its key reaches the client.

use spillway_integration::{Call, Gateway, Raw, fields};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const KEY: &str = "marked-backend-key-40af";

#[tokio::test]
async fn a_backend_that_echoes_its_request_shows_no_key() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("an address");
    let echoing = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(echo(stream));
        }
    });
    for credential in ["api_key", "bearer_token"] {
        let config = format!(
            "
backends: {{ echo: {{ url: \"http://{at}/base\", {credential}: \"${{ECHO}}\" }} }}
models: {{ gpt-4o-mini: {{ pool: [echo] }} }}
"
        );
        let environment = vec![("ECHO".to_owned(), KEY.to_owned())];
        let gateway = Gateway::of(config, environment).start().await;
        for path in [
            "/openai/deployments/gpt-4o-mini/chat/completions",
            "/openai/v1/realtime/client_secrets",
        ] {
            let body = r#"{"model":"gpt-4o-mini","session":{"model":"gpt-4o-mini"}}"#;
            let mut raw = Raw::connect(gateway.at).await;
            raw.write(format!(
                "POST {path} HTTP/1.1\r\nhost: g\r\nte: trailers\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            ))
            .await;
            let answer = raw.answer().await;
            let body = String::from_utf8_lossy(&answer.body);
            let all = format!("{}{:?}{body}", answer.head, answer.trailers);
            assert_eq!(answer.status, 302, "{all}");
            assert!(all.contains(&format!("location: {path}?x=1\r\n")), "{all}");
            assert!(all.contains("x-kept: yes"), "{all}");
            let forged = ["\napi-key:", "\nauthorization:", "\nx-spillway-retry:", "forged"];
            for place in forged.into_iter().chain([KEY]) {
                assert!(!all.contains(place), "{place}: {all}");
            }
            assert_eq!(answer.trailers, [], "{all}");
        }
        let answer = gateway.send(&Call::chat("gpt-4o-mini")).await;
        assert_eq!(answer.header("x-spillway-attempts"), "1", "the retry mark is not obeyed");
    }
    echoing.abort();
}

/// Answers each request with its credentials in every place of the answer.
async fn echo(mut stream: TcpStream) -> Option<()> {
    let mut read = Vec::new();
    loop {
        let end = loop {
            if let Some(at) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break at + 4;
            }
            stream.read_buf(&mut read).await.ok().filter(|count| *count > 0)?;
        };
        let head: Vec<u8> = read.drain(..end).collect();
        let headers = fields(&head);
        let value = |wanted: &str| {
            let found = headers.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
        };
        let length: usize = value("content-length").parse().unwrap_or_default();
        while read.len() < length {
            stream.read_buf(&mut read).await.ok().filter(|count| *count > 0)?;
        }
        read.drain(..length);
        let key = value("api-key") + &value("authorization").replace(' ', "%20");
        assert!(key.contains(KEY), "the backend has its key");
        let line = String::from_utf8_lossy(&head).into_owned();
        let path = line.split(' ').nth(1)?.split('?').next()?.to_owned();
        let host = value("host");
        let answer = format!(
            "HTTP/1.1 302 Found\r\nx-kept: yes\r\napi-key: {key}\r\nauthorization: {key}\r\n\
             x-api-key: {key}\r\nx-spillway-retry: 1\r\n\
             location: http://{key}@{host}{path}?api-key={key}&x=1\r\n\
             content-location: http://elsewhere.test/?api%2Dkey={key}\r\n\
             transfer-encoding: chunked\r\ntrailer: api-key\r\n\r\n\
             2\r\n{{}}\r\n0\r\napi-key: {key}\r\nx-spillway-backend: forged\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).await.ok()?;
    }
}
