//! Secrets: made from the system's randomness, kept as digests, compared without a hint.

use super::AuthError;
use rand::{TryRngCore, rngs::OsRng};
use sha2::{Digest, Sha256};

/// Without letters that are taken for others on a screen or on the phone.
const CODE_LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/// Five bits each: 50 bits.
const CODE_LENGTH: usize = 10;

/// 256 random bits as 64 hexadecimal digits.
pub(super) fn long() -> Result<String, AuthError> {
    Ok(hex(&random::<32>()?))
}

/// A code that a person types, e.g. `K7QF3-MHPZ2`.
pub(super) fn code() -> Result<String, AuthError> {
    let letter = |byte: u8| char::from(CODE_LETTERS[usize::from(byte % 32)]);
    let code: String = random::<CODE_LENGTH>()?.into_iter().map(letter).collect();
    let (first, second) = code.split_at(CODE_LENGTH / 2);
    Ok(format!("{first}-{second}"))
}

/// The code as it was made, however it was typed: any case, with or without spaces and dashes.
pub(super) fn typed_code(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect()
}

/// SHA-256 as 64 hexadecimal digits.
pub(super) fn digest(secret: &str) -> String {
    hex(&Sha256::digest(secret))
}

/// True when both are the same; how long it takes says nothing about where they differ.
pub(super) fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    a.len() == b.len() && a.iter().zip(b).fold(0, |differ, (x, y)| differ | (x ^ y)) == 0
}

fn random<const N: usize>() -> Result<[u8; N], AuthError> {
    let mut bytes = [0; N];
    OsRng.try_fill_bytes(&mut bytes).map_err(|e| AuthError::Random(e.to_string()))?;
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        let code = code().expect("random");
        let bare = code.replace('-', "");
        assert_eq!((code.len(), bare.len()), (11, 10));
        assert!(bare.bytes().all(|byte| CODE_LETTERS.contains(&byte)), "{code}");
        for typed in [code.to_lowercase(), format!(" {bare} "), bare.clone()] {
            assert_eq!(typed_code(&typed), bare);
        }
    }
}
