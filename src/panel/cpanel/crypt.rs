//! SHA-512 crypt (`$6$`), Drepper's scheme of 2008, with its default of 5000 rounds: cPanel takes a password in this form, so that the password
//! itself need not stand in the arguments of a program, which every user of the machine can read.

use sha2::{Digest, Sha512};

const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ROUNDS: usize = 5000;
const BYTES: usize = 64;

/// The hash of a password. `salt` gives at most 16 characters of [`ALPHABET`], one for each of its bytes.
pub(super) fn sha512(password: &str, salt: &[u8; 16]) -> String {
    let salt: String = salt.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 63)])).collect();
    let digest = digest(password.as_bytes(), salt.as_bytes());
    format!("$6${salt}${}", encode(&digest))
}

fn digest(key: &[u8], salt: &[u8]) -> [u8; BYTES] {
    let alternate = hash(&[key, salt, key]);
    let mut first = Sha512::new();
    first.update(key);
    first.update(salt);
    first.update(stretched(&alternate, key.len()));
    let mut bits = key.len();
    while bits > 0 {
        if bits & 1 == 1 {
            first.update(alternate);
        } else {
            first.update(key);
        }
        bits >>= 1;
    }
    let mut state: [u8; BYTES] = first.finalize().into();
    let password = stretched(&repeated(key, key.len()), key.len());
    let salted = stretched(&repeated(salt, 16 + usize::from(state[0])), salt.len());
    for round in 0..ROUNDS {
        let odd = round & 1 == 1;
        let mut next = Sha512::new();
        if odd {
            next.update(&password);
        } else {
            next.update(state);
        }
        if round % 3 != 0 {
            next.update(&salted);
        }
        if round % 7 != 0 {
            next.update(&password);
        }
        if odd {
            next.update(state);
        } else {
            next.update(&password);
        }
        state = next.finalize().into();
    }
    state
}

fn hash(parts: &[&[u8]]) -> [u8; BYTES] {
    let mut hash = Sha512::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

/// The hash of a text written several times.
fn repeated(text: &[u8], times: usize) -> [u8; BYTES] {
    let mut hash = Sha512::new();
    (0..times).for_each(|_| hash.update(text));
    hash.finalize().into()
}

/// A digest written again and again, cut at a length.
fn stretched(digest: &[u8; BYTES], length: usize) -> Vec<u8> {
    digest.iter().copied().cycle().take(length).collect()
}

/// Base 64 of its own: groups of three bytes from three places of the digest that move on by 21, six bits a character, lowest first.
fn encode(digest: &[u8; BYTES]) -> String {
    let mut text = String::with_capacity(86);
    let mut push = |mut bits: u32, characters: usize| {
        for _ in 0..characters {
            text.push(char::from(ALPHABET[(bits & 63) as usize]));
            bits >>= 6;
        }
    };
    for group in 0..21 {
        let place = |offset: usize| u32::from(digest[(group * 22 + offset) % 63]);
        push((place(0) << 16) | (place(21) << 8) | place(42), 4);
    }
    push(u32::from(digest[63]), 2);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_scheme_s_own_examples() {
        let hash = |key: &str, salt: &str| encode(&digest(key.as_bytes(), salt.as_bytes()));
        assert_eq!(
            hash("Hello world!", "saltstring"),
            "svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"
        );
    }

    #[test]
    fn as_openssl_has_it() {
        for (password, salt) in [
            ("x", [0; 16]),
            ("p", [7; 16]),
            ("Abc-0123456789.xyz_ABCDEFGH", [63; 16]),
            (&"long".repeat(40), [200; 16]),
        ] {
            let ours = sha512(password, &salt);
            let salt = ours.split('$').nth(2).unwrap();
            let output = std::process::Command::new("openssl")
                .args(["passwd", "-6", "-salt", salt, password])
                .output();
            assert_eq!(String::from_utf8(output.unwrap().stdout).unwrap().trim(), ours);
        }
    }
}
