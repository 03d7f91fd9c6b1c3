//! Reads `clients`.

use std::collections::BTreeMap;

use crate::config::read::{Fields, Node, Reader};
use crate::config::{Backend, Client, Secret, name, path, quoted, secret};

/// Everyone who may call; nothing where the file does not say.
pub(super) fn read_all(
    file: &Fields<'_>,
    backends: &[Backend],
    reader: &mut Reader,
) -> Option<Vec<Client>> {
    let node = file.get("clients")?;
    let items = node.items(reader)?;
    if items.is_empty() {
        let hint =
            "add a client, or remove `clients` to let anyone call who can reach the listener";
        reader.say(&node.path, "nobody may call", hint);
    }
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    let mut keys: BTreeMap<Secret, usize> = BTreeMap::new();
    let mut clients = Vec::with_capacity(items.len());
    for (i, item) in items.iter().enumerate() {
        let Some(client) = read(item, reader) else { continue };
        if let Some(first) = names.get(&client.name) {
            let message =
                format!("the name {} is already taken by `clients[{first}]`", quoted(&client.name));
            reader.say(
                &path::key(&item.path, "name"),
                message,
                "give each client a name of its own",
            );
        } else {
            names.insert(client.name.clone(), i);
        }
        if let Some(first) = keys.get(&client.key) {
            let message = format!("the key is the same variable as that of `clients[{first}]`");
            reader.say(&path::key(&item.path, "key"), message, "give each client a key of its own");
        } else {
            keys.insert(client.key.clone(), i);
        }
        let has_it = |b: &&Backend| b.credential.as_ref().is_some_and(|c| c.secret == client.key);
        if let Some(backend) = backends.iter().find(has_it) {
            let place = path::key("backends", &backend.name);
            let message = format!("the key is the same variable as that of `{place}`");
            let hint = "give the client a key of its own: with the backend's, it needs no gateway";
            reader.say(&path::key(&item.path, "key"), message, hint);
        }
        clients.push(client);
    }
    Some(clients)
}

fn read(item: &Node<'_>, reader: &mut Reader) -> Option<Client> {
    let fields = item.fields(reader)?;
    let name = fields
        .require(reader, "name")
        .and_then(|node| node.parsed(reader, |text| name::client(text).map(|()| text.to_owned())));
    let key = fields.require(reader, "key").and_then(|node| secret::read(&node, reader));
    Some(Client { name: name?, key: key? })
}
