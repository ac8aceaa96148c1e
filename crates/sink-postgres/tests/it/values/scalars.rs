use std::sync::Arc;

use arrow_array::builder::StringDictionaryBuilder;
use arrow_array::types::Int8Type;
use arrow_array::*;
use arrow_buffer::i256;

use super::{check, written};

#[tokio::test]
async fn numbers() {
    check(vec![
        (
            "bool",
            Arc::new(BooleanArray::from(vec![Some(true), Some(false), None])),
            &[Some("true"), Some("false"), None],
        ),
        (
            "i8",
            Arc::new(Int8Array::from(vec![Some(i8::MIN), Some(i8::MAX), None])),
            &[Some("-128"), Some("127"), None],
        ),
        (
            "u8",
            Arc::new(UInt8Array::from(vec![Some(0), Some(u8::MAX), None])),
            &[Some("0"), Some("255"), None],
        ),
        (
            "u16",
            Arc::new(UInt16Array::from(vec![Some(0), Some(u16::MAX), None])),
            &[Some("0"), Some("65535"), None],
        ),
        (
            "i64",
            Arc::new(Int64Array::from(vec![Some(i64::MIN), Some(i64::MAX), None])),
            &[Some("-9223372036854775808"), Some("9223372036854775807"), None],
        ),
        (
            "u32",
            Arc::new(UInt32Array::from(vec![Some(0), Some(u32::MAX), None])),
            &[Some("0"), Some("4294967295"), None],
        ),
        (
            "u64",
            Arc::new(UInt64Array::from(vec![Some(0), Some(u64::MAX), None])),
            &[Some("0"), Some("18446744073709551615"), None],
        ),
        (
            "block_num",
            Arc::new(UInt64Array::from(vec![Some(0), Some(1 << 62), None])),
            &[Some("0"), Some("4611686018427387904"), None],
        ),
        (
            "f32",
            Arc::new(Float32Array::from(vec![Some(1.5), Some(f32::NAN), None])),
            &[Some("1.5"), Some("NaN"), None],
        ),
        (
            "f64",
            Arc::new(Float64Array::from(vec![Some(0.1), Some(f64::NEG_INFINITY), None])),
            &[Some("0.1"), Some("-Infinity"), None],
        ),
    ])
    .await;
}

#[tokio::test]
async fn decimals() {
    let d128 = |values: [i128; 2], precision, scale| -> ArrayRef {
        let values = [Some(values[0]), Some(values[1]), None];
        let array: Decimal128Array = values.into_iter().collect();
        Arc::new(array.with_precision_and_scale(precision, scale).unwrap())
    };
    let d256 = |values: [i256; 2], precision, scale| -> ArrayRef {
        let values = [Some(values[0]), Some(values[1]), None];
        let array: Decimal256Array = values.into_iter().collect();
        Arc::new(array.with_precision_and_scale(precision, scale).unwrap())
    };
    let max = i256::from_string(&"9".repeat(76)).unwrap();
    let nines = "9".repeat(76);
    let negative = format!("-{}.{}", "9".repeat(38), "9".repeat(38));
    let small = format!("0.{}1", "0".repeat(75));
    check(vec![
        (
            "whole",
            d128([1, -99_999_999_999_999_999_999_999_999_999_999_999_999], 38, 0),
            &[Some("1"), Some("-99999999999999999999999999999999999999"), None],
        ),
        ("parts", d128([100_000_001, -5], 20, 8), &[Some("1.00000001"), Some("-0.00000005"), None]),
        ("thousands", d128([12, 0], 5, -3), &[Some("12000"), Some("0"), None]),
        ("wide", d256([max, i256::ZERO], 76, 0), &[Some(nines.as_str()), Some("0"), None]),
        (
            "wide_parts",
            d256([-max, i256::ONE], 76, 38),
            &[Some(negative.as_str()), Some("0.00000000000000000000000000000000000001"), None],
        ),
        (
            "wide_tiny",
            d256([i256::ONE, i256::ZERO], 76, 76),
            &[Some(small.as_str()), Some(format!("0.{}", "0".repeat(76)).as_str()), None],
        ),
        (
            "wide_thousands",
            d256([i256::from(-12), i256::from(10_000)], 76, -5),
            &[Some("-1200000"), Some("1000000000"), None],
        ),
    ])
    .await;
}

#[tokio::test]
async fn random_wide_decimals_keep_every_digit() {
    let mut random = fastrand::Rng::with_seed(76);
    let max = i256::from_string(&"9".repeat(76)).unwrap();
    for scale in [0, 1, 2, 3, 5, 18, 75, -1, -2, -7] {
        let values: Vec<_> = (0..200)
            .map(|_| {
                let shift = random.u8(..=250);
                let value = i256::from_parts(random.u128(..), random.i128(..)) >> shift;
                value.wrapping_rem(max)
            })
            .collect();
        let array: Decimal256Array = values.into_iter().map(Some).collect();
        let array = array.with_precision_and_scale(76, scale).unwrap();
        let found = written(vec![("wide", Arc::new(array.clone()))]).await;
        for (row, found) in found.iter().enumerate() {
            assert_eq!(found[0], Some(array.value_as_string(row)), "scale {scale}, row {row}");
        }
    }
}

#[tokio::test]
async fn text_and_bytes() {
    let mut dictionary = StringDictionaryBuilder::<Int8Type>::new();
    dictionary.extend([Some("a"), None, Some("a")]);
    let long = "ä long text that does not fit a view";
    let texts = [Some(""), Some(long), None];
    let bytes: [Option<&[u8]>; 3] = [Some(b""), Some(b"\0\xff a long value of bytes"), None];
    let hex = Some("\\x00ff2061206c6f6e672076616c7565206f66206279746573");
    let fixed = [Some([0_u8, 255]), Some([1, 2]), None];
    check(vec![
        ("utf8", Arc::new(StringArray::from(texts.to_vec())), &[Some(""), Some(long), None]),
        ("large", Arc::new(LargeStringArray::from(texts.to_vec())), &[Some(""), Some(long), None]),
        ("view", Arc::new(StringViewArray::from(texts.to_vec())), &[Some(""), Some(long), None]),
        ("dictionary", Arc::new(dictionary.finish()), &[Some("a"), None, Some("a")]),
        ("null", Arc::new(NullArray::new(3)), &[None, None, None]),
        ("binary", Arc::new(BinaryArray::from(bytes.to_vec())), &[Some("\\x"), hex, None]),
        (
            "large_binary",
            Arc::new(LargeBinaryArray::from(bytes.to_vec())),
            &[Some("\\x"), hex, None],
        ),
        ("binary_view", Arc::new(BinaryViewArray::from(bytes.to_vec())), &[Some("\\x"), hex, None]),
        (
            "fixed",
            Arc::new(
                FixedSizeBinaryArray::try_from_sparse_iter_with_size(fixed.into_iter(), 2).unwrap(),
            ),
            &[Some("\\x00ff"), Some("\\x0102"), None],
        ),
    ])
    .await;
}
