//! HTTP statuses and ranges of them: `429`, `500-599`.

use super::read::{Node, Reader};
use super::{Problem, StatusSet, quoted};

/// The set that a list of statuses says, in order and without overlaps.
pub(super) fn read_set(node: &Node<'_>, reader: &mut Reader) -> Option<StatusSet> {
    let items = node.items(reader)?;
    Some(merged(items.iter().filter_map(|item| read(item, reader))))
}

/// The same set, in order and without overlaps.
pub fn merged(ranges: impl IntoIterator<Item = (u16, u16)>) -> StatusSet {
    let mut in_order: Vec<(u16, u16)> = Vec::new();
    for range in ranges {
        let (Ok(at) | Err(at)) = in_order.binary_search(&range);
        in_order.insert(at, range);
    }
    let mut set: Vec<(u16, u16)> = Vec::with_capacity(in_order.len());
    for (from, to) in in_order {
        match set.last_mut() {
            Some((_, end)) if from <= end.saturating_add(1) => *end = to.max(*end),
            _ => set.push((from, to)),
        }
    }
    StatusSet(set)
}

fn read(node: &Node<'_>, reader: &mut Reader) -> Option<(u16, u16)> {
    if let Some(number) = node.value.as_number() {
        let status = number.as_u64().and_then(|number| u16::try_from(number).ok());
        let status = status.filter(|status| LIMITS.contains(status));
        let answer =
            status.map(|status| (status, status)).ok_or_else(|| out_of_range(&number.to_string()));
        return node.accept(reader, answer);
    }
    if node.value.is_string() {
        return node.parsed(reader, parse);
    }
    node.wrong(reader, "");
    None
}

fn parse(text: &str) -> Result<(u16, u16), Problem> {
    let status = |text: &str| {
        let plain = text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u16>().ok().filter(|_| plain)
    };
    let (from, to) = match text.split_once('-') {
        Some((from, to)) => (status(from.trim()), status(to.trim())),
        None => (status(text), status(text)),
    };
    match (from, to) {
        (Some(from), Some(to)) if from > to => Err(Problem::new(
            "",
            format!("{} runs backwards", quoted(text)),
            format!("write `{to}-{from}`"),
        )),
        (Some(from), Some(to)) if LIMITS.contains(&from) && LIMITS.contains(&to) => Ok((from, to)),
        (Some(_), Some(_)) => Err(out_of_range(text)),
        _ => Err(Problem::new(
            "",
            format!("{} is not a status", quoted(text)),
            match text.to_ascii_lowercase().as_str() {
                "5xx" => "write `500-599`",
                "4xx" => "write `400-499`",
                _ => "write a number such as `429` or a range such as `500-599`",
            },
        )),
    }
}

fn out_of_range(found: &str) -> Problem {
    Problem::new(
        "",
        format!("expected an error status from 400 to 599, found {found}"),
        "other answers always count as successes",
    )
}

const LIMITS: std::ops::RangeInclusive<u16> = 400..=599;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn ranges_are_read() {
        assert_eq!(parse("500-599"), Ok((500, 599)));
        assert_eq!(parse("500 - 503"), Ok((500, 503)));
        assert_eq!(parse("429"), Ok((429, 429)));
        assert_eq!(parse("5xx").unwrap_err().hint, "write `500-599`");
        assert_eq!(parse("599-500").unwrap_err().hint, "write `500-599`");
        for text in ["", "-", "500-", "200", "600", "500-600", "+500", "5000", "429,500"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sets_are_merged() {
        let set = merged(vec![(500, 503), (429, 429), (502, 510), (511, 511), (599, 599)]);
        assert_eq!(set, StatusSet(vec![(429, 429), (500, 511), (599, 599)]));
    }
}
