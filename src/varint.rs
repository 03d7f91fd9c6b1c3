//! Numbers as bytes: seven bits a byte, the lowest first, because most numbers are small. Protobuf writes
//! lengths so, too.

/// Adds a number.
pub(crate) fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Takes a number from the front; `None`: there is none.
pub(crate) fn take(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, tail) = rest.split_first()?;
        *rest = tail;
        let bits = u64::from(byte & 0x7f);
        number |= bits.checked_shl(shift).filter(|shifted| shifted >> shift == bits)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Adds a number that may be missing.
pub(crate) fn put_some(bytes: &mut Vec<u8>, number: Option<u64>) {
    put(bytes, number.map_or(0, |number| number.saturating_add(1)));
}

/// Takes a number that may be missing.
pub(crate) fn take_some(rest: &mut &[u8]) -> Option<Option<u64>> {
    take(rest).map(|number| number.checked_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn numbers_survive_the_way_through_bytes() {
        for number in [0, 1, 127, 128, 300, 1 << 35, u64::MAX - 1, u64::MAX] {
            let mut bytes = Vec::new();
            put(&mut bytes, number);
            let mut rest = &bytes[..];
            assert_eq!((take(&mut rest), rest.len()), (Some(number), 0));
            assert_eq!(take(&mut &bytes[..bytes.len() - 1]), None, "cut");
        }
        assert_eq!(take(&mut &[0xff; 11][..]), None, "more bits than a number has");
    }

    #[test]
    fn what_is_missing_survives_too() {
        let mut bytes = Vec::new();
        put_some(&mut bytes, None);
        put_some(&mut bytes, Some(0));
        let mut rest = &bytes[..];
        assert_eq!((take_some(&mut rest), take_some(&mut rest)), (Some(None), Some(Some(0))));
    }
}
