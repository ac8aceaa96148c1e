//! Random texts, some of which are numbers or JSON.

use fastrand::Rng;

const PIECES: [&str; 18] = [
    "a", "NULL", "\\N", "\"", "\\", "'", "{", "}", ",", "\n", "\t", "\u{1}", "\u{1f}", "ü", "区块",
    "🧱", "\u{feff}", " ",
];

/// Mostly few, sometimes none, rarely millions.
pub(super) fn length(random: &mut Rng) -> usize {
    match random.u16(..3_000) {
        0 => random.usize(1 << 20..3 << 20),
        1..20 => random.usize(..20_000),
        20..400 => 0,
        _ => random.usize(..40),
    }
}

pub(super) fn any(random: &mut Rng) -> String {
    let length = length(random);
    if length > 100 {
        return PIECES[random.usize(..PIECES.len())].repeat(length / 3);
    }
    (0..length / 3).map(|_| PIECES[random.usize(..PIECES.len())]).collect()
}

pub(super) fn short(random: &mut Rng) -> String {
    (0..random.usize(..4)).map(|_| PIECES[random.usize(..PIECES.len())]).collect()
}

fn digits(random: &mut Rng, count: usize) -> String {
    (0..count).map(|_| random.digit(10)).collect()
}

pub(super) fn bigint(random: &mut Rng) -> String {
    let number = random.i64(..) >> random.u8(..63);
    match random.u8(..4) {
        0 => format!(" {number}.000 "),
        1 => format!("{number}0e-1"),
        _ => number.to_string(),
    }
}

/// A number in one of its many notations.
pub(super) fn number(random: &mut Rng) -> String {
    let sign = ["", "-", "+"][random.usize(..3)];
    let whole = random.usize(1..80);
    let whole = digits(random, whole);
    let count = random.usize(..80);
    let fraction = digits(random, count);
    match random.u8(..6) {
        0 => format!("{sign}{whole}.{fraction}"),
        1 => format!("{sign}.{fraction}0"),
        2 => format!("{sign}{whole}.{fraction}e{}", random.i32(-150..150)),
        3 => format!("\t{sign}000{whole}E+{}\n", random.u8(..100)),
        4 => {
            "115792089237316195423570985008687907853269984665640564039457584007913129639935".into()
        }
        _ => format!("{sign}{whole}"),
    }
}

/// JSON as `jsonb` writes it, so that it is read back as it was.
pub(super) fn json(random: &mut Rng, depth: u8) -> String {
    let nested = if depth == 0 { 0 } else { 2 };
    match random.u8(..5 + nested) {
        0 => "null".to_owned(),
        1 => random.bool().to_string(),
        2 => random.i64(..).to_string(),
        3 => {
            let (whole, fraction) = (random.u64(1..), random.u32(1..));
            format!("-{whole}.{fraction}5")
        }
        4 => string(&short(random)),
        5 => {
            let items: Vec<_> = (0..random.u8(..4)).map(|_| json(random, depth - 1)).collect();
            format!("[{}]", items.join(", "))
        }
        _ => {
            // Keys of one length are sorted by their bytes.
            let keys = ["a", "b", "z"].into_iter().filter(|_| random.bool()).collect::<Vec<_>>();
            let fields: Vec<_> =
                keys.iter().map(|key| format!("\"{key}\": {}", json(random, depth - 1))).collect();
            format!("{{{}}}", fields.join(", "))
        }
    }
}

fn string(text: &str) -> String {
    let mut json = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => json.extend(['\\', c]),
            '\n' => json.push_str("\\n"),
            '\t' => json.push_str("\\t"),
            c if c < ' ' => json.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => json.push(c),
        }
    }
    json.push('"');
    json
}
