//! Which partition a keyed record goes to: the choice of Java's producer, bit for bit.
//!
//! A topic with records of Java producers keeps its order per key only if every later producer
//! hashes in the same way.

/// The partition of a key among `partitions`, as Java's default partitioner picks it.
///
/// An empty key is hashed too. Returns 0 if there are no partitions.
///
/// ```
/// use connect_core::partitioner::partition_for_key;
///
/// assert_eq!(partition_for_key(b"abc", 10), 7);
/// ```
#[must_use]
#[doc(alias = "BuiltInPartitioner.partitionForKey")]
pub fn partition_for_key(key: &[u8], partitions: i32) -> i32 {
    if partitions <= 0 {
        0
    } else {
        to_positive(murmur2(key)) % partitions
    }
}

/// Clears the sign bit; unlike an absolute value, this is defined for `i32::MIN`.
#[must_use]
#[doc(alias = "Utils.toPositive")]
pub const fn to_positive(number: i32) -> i32 {
    number & i32::MAX
}

/// The 32-bit murmur2 hash with the seed and the tail handling of Kafka's Java client.
#[must_use]
#[doc(alias = "Utils.murmur2")]
pub fn murmur2(data: &[u8]) -> i32 {
    // A length beyond 32 bits wraps as Java's int would; Java cannot hold such an array at all.
    let mut hash = SEED ^ (data.len() as u32);
    let (words, tail) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> R;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !tail.is_empty() {
        for (index, byte) in tail.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * index);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    (hash ^ (hash >> 15)).cast_signed()
}

const SEED: u32 = 0x9747_b28c;
const M: u32 = 0x5bd1_e995;
const R: u32 = 24;

#[cfg(test)]
mod tests {
    use super::*;

    /// The cases of `UtilsTest.testMurmur2` in Apache Kafka.
    #[test]
    fn hashes_equal_those_of_the_java_client() {
        let cases: [(&[u8], i32); 6] = [
            (b"21", -973_932_308),
            (b"foobar", -790_332_482),
            (b"a-little-bit-long-string", -985_981_536),
            (b"a-little-bit-longer-string", -1_486_304_829),
            (
                b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
                -58_897_971,
            ),
            (b"abc", 479_470_107),
        ];
        for (key, hash) in cases {
            assert_eq!(murmur2(key), hash, "{}", String::from_utf8_lossy(key));
        }
    }

    #[test]
    fn a_partition_is_never_negative() {
        assert_eq!(to_positive(i32::MIN), 0);
        assert_eq!(to_positive(-1), i32::MAX);
        for number in 0..10_000_u32 {
            let partition = partition_for_key(&number.to_be_bytes(), 7);
            assert!((0..7).contains(&partition));
        }
    }
}
