//! Writes any `Serialize` as canonical JSON.
//!
//! Fields are written in the order they come; an object whose keys came out of order is put in
//! order when it ends, so that types need not be declared alphabetically to be right.

use serde::ser::{
    Impossible, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::{DEPTH_MAX, INTEGER_MAX, NotCanonical};

/// The canonical bytes of `value`.
///
/// # Errors
/// When the value holds a float, an integer beyond ±(2^53 − 1), a key that is not plain ASCII or
/// stands twice, or nests deeper than 16.
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, NotCanonical> {
    let mut out = Out {
        bytes: Vec::with_capacity(512),
        depth: 0,
    };
    value.serialize(&mut out)?;
    Ok(out.bytes)
}

/// Bytes of a string that are looked at together.
const PLAIN_BYTES: usize = 16;

/// Whether none of these bytes is escaped. Without a branch for each of them, so that they are
/// compared all at once.
fn is_plain(bytes: &[u8; PLAIN_BYTES]) -> bool {
    let special = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    !bytes.iter().fold(false, |any, byte| any | special(byte))
}

struct Out {
    bytes: Vec<u8>,
    depth: usize,
}

impl Out {
    fn fail<T>(&self, what: &str) -> Result<T, NotCanonical> {
        Err(NotCanonical::new(self.bytes.len(), what))
    }

    fn deeper(&mut self) -> Result<(), NotCanonical> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            self.fail("nested deeper than 16")
        } else {
            Ok(())
        }
    }

    fn string(&mut self, text: &str) {
        self.bytes.push(b'"');
        let (mut plain, mut at) = (0, 0);
        while let Some(rest) = text.as_bytes().get(at..).filter(|rest| !rest.is_empty()) {
            if rest.first_chunk().is_some_and(is_plain) {
                at += PLAIN_BYTES;
                continue;
            }
            for byte in rest.iter().take(PLAIN_BYTES) {
                self.escape(text, *byte, at, &mut plain);
                at += 1;
            }
        }
        self.bytes
            .extend_from_slice(text.as_bytes().get(plain..).unwrap_or_default());
        self.bytes.push(b'"');
    }

    /// Writes the byte at `at` escaped if it must be, behind what is plain before it.
    fn escape(&mut self, text: &str, byte: u8, at: usize, plain: &mut usize) {
        let short = match byte {
            b'"' => b'"',
            b'\\' => b'\\',
            8 => b'b',
            9 => b't',
            10 => b'n',
            12 => b'f',
            13 => b'r',
            0..=0x1f => b'u',
            _ => return,
        };
        self.bytes
            .extend_from_slice(text.as_bytes().get(*plain..at).unwrap_or_default());
        self.bytes.extend_from_slice(&[b'\\', short]);
        if short == b'u' {
            let low = byte & 15;
            let low = if low < 10 {
                b'0' + low
            } else {
                b'a' + low - 10
            };
            self.bytes
                .extend_from_slice(&[b'0', b'0', b'0' + (byte >> 4), low]);
        }
        *plain = at + 1;
    }

    fn integer(&mut self, value: i64) -> Result<(), NotCanonical> {
        if !(-INTEGER_MAX..=INTEGER_MAX).contains(&value) {
            return self.fail("an integer beyond 2^53 - 1");
        }
        let mut digits = [0_u8; 20];
        let mut rest = value.unsigned_abs();
        let mut count = 0;
        for slot in digits.iter_mut().rev() {
            *slot = b'0' + (rest % 10) as u8;
            count += 1;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if value < 0 {
            self.bytes.push(b'-');
        }
        self.bytes
            .extend_from_slice(digits.get(20 - count..).unwrap_or_default());
        Ok(())
    }

    fn object(&mut self, wrapped: bool) -> Result<Object<'_>, NotCanonical> {
        self.deeper()?;
        self.bytes.push(b'{');
        let start = self.bytes.len();
        Ok(Object {
            out: self,
            start,
            fields: Vec::new(),
            sorted: true,
            wrapped,
        })
    }

    fn array(&mut self, wrapped: bool) -> Result<Array<'_>, NotCanonical> {
        self.deeper()?;
        self.bytes.push(b'[');
        Ok(Array {
            out: self,
            empty: true,
            wrapped,
        })
    }

    /// `{"variant":` of an externally tagged enum; the caller closes it.
    fn wrap(&mut self, variant: &str) -> Result<(), NotCanonical> {
        self.deeper()?;
        self.bytes.push(b'{');
        self.string(variant);
        self.bytes.push(b':');
        Ok(())
    }

    fn unwrap_variant(&mut self) {
        self.bytes.push(b'}');
        self.depth -= 1;
    }
}

/// An array being written.
struct Array<'a> {
    out: &'a mut Out,
    empty: bool,
    wrapped: bool,
}

impl Array<'_> {
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotCanonical> {
        if !self.empty {
            self.out.bytes.push(b',');
        }
        self.empty = false;
        value.serialize(&mut *self.out)
    }

    fn close(self) {
        self.out.bytes.push(b']');
        self.out.depth -= 1;
        if self.wrapped {
            self.out.unwrap_variant();
        }
    }
}

/// An object being written: where each field stands, as offsets into the output.
struct Object<'a> {
    out: &'a mut Out,
    start: usize,
    /// Start of the key's text, its end, and the end of the value.
    fields: Vec<(usize, usize, usize)>,
    sorted: bool,
    wrapped: bool,
}

impl Object<'_> {
    fn key(&mut self, key: &str) -> Result<(), NotCanonical> {
        let plain = key
            .bytes()
            .all(|b| (0x20..0x7f).contains(&b) && b != b'"' && b != b'\\');
        if !plain {
            return self.out.fail("a key is not plain ASCII");
        }
        if !self.fields.is_empty() {
            self.out.bytes.push(b',');
        }
        let from = self.out.bytes.len() + 1;
        self.out.bytes.push(b'"');
        self.out.bytes.extend_from_slice(key.as_bytes());
        self.out.bytes.extend_from_slice(b"\":");
        if let Some((start, end, _)) = self.fields.last() {
            let previous = self.out.bytes.get(*start..*end).unwrap_or_default();
            self.sorted &= previous < key.as_bytes();
        }
        self.fields.push((from, from + key.len(), 0));
        Ok(())
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotCanonical> {
        value.serialize(&mut *self.out)?;
        let end = self.out.bytes.len();
        if let Some(field) = self.fields.last_mut() {
            field.2 = end;
        }
        Ok(())
    }

    fn close(mut self) -> Result<(), NotCanonical> {
        if !self.sorted {
            self.sort()?;
        }
        self.out.bytes.push(b'}');
        self.out.depth -= 1;
        if self.wrapped {
            self.out.unwrap_variant();
        }
        Ok(())
    }

    fn sort(&mut self) -> Result<(), NotCanonical> {
        let bytes = &self.out.bytes;
        let text = |from: usize, to: usize| bytes.get(from..to).unwrap_or_default();
        self.fields
            .sort_by(|a, b| text(a.0, a.1).cmp(text(b.0, b.1)));
        let twice = self.fields.iter().zip(self.fields.iter().skip(1));
        if twice
            .into_iter()
            .any(|(a, b)| text(a.0, a.1) == text(b.0, b.1))
        {
            return self.out.fail("a key stands twice");
        }
        let mut ordered = Vec::with_capacity(bytes.len() - self.start);
        for (count, field) in self.fields.iter().enumerate() {
            if count > 0 {
                ordered.push(b',');
            }
            ordered.extend_from_slice(text(field.0 - 1, field.2));
        }
        self.out.bytes.truncate(self.start);
        self.out.bytes.extend_from_slice(&ordered);
        Ok(())
    }
}

type Done = Result<(), NotCanonical>;

impl<'a> Serializer for &'a mut Out {
    type Ok = ();
    type Error = NotCanonical;
    type SerializeSeq = Array<'a>;
    type SerializeTuple = Array<'a>;
    type SerializeTupleStruct = Array<'a>;
    type SerializeTupleVariant = Array<'a>;
    type SerializeMap = Object<'a>;
    type SerializeStruct = Object<'a>;
    type SerializeStructVariant = Object<'a>;

    fn serialize_bool(self, value: bool) -> Done {
        self.bytes
            .extend_from_slice(if value { b"true" } else { b"false" });
        Ok(())
    }
    fn serialize_i8(self, value: i8) -> Done {
        self.integer(value.into())
    }
    fn serialize_i16(self, value: i16) -> Done {
        self.integer(value.into())
    }
    fn serialize_i32(self, value: i32) -> Done {
        self.integer(value.into())
    }
    fn serialize_i64(self, value: i64) -> Done {
        self.integer(value)
    }
    fn serialize_u8(self, value: u8) -> Done {
        self.integer(value.into())
    }
    fn serialize_u16(self, value: u16) -> Done {
        self.integer(value.into())
    }
    fn serialize_u32(self, value: u32) -> Done {
        self.integer(value.into())
    }
    fn serialize_u64(self, value: u64) -> Done {
        self.integer(i64::try_from(value).unwrap_or(i64::MAX))
    }
    fn serialize_f32(self, _: f32) -> Done {
        self.fail("floats are not allowed")
    }
    fn serialize_f64(self, _: f64) -> Done {
        self.fail("floats are not allowed")
    }
    fn serialize_char(self, value: char) -> Done {
        self.string(value.encode_utf8(&mut [0; 4]));
        Ok(())
    }
    fn serialize_str(self, text: &str) -> Done {
        self.string(text);
        Ok(())
    }
    fn serialize_bytes(self, _: &[u8]) -> Done {
        self.fail("bytes must be written as text")
    }
    fn serialize_none(self) -> Done {
        self.serialize_unit()
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Done {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Done {
        self.bytes.extend_from_slice(b"null");
        Ok(())
    }
    fn serialize_unit_struct(self, _: &'static str) -> Done {
        self.object(false)?.close()
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Done {
        self.serialize_str(variant)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Done {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Done {
        self.wrap(variant)?;
        value.serialize(&mut *self)?;
        self.unwrap_variant();
        Ok(())
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<Array<'a>, NotCanonical> {
        self.array(false)
    }
    fn serialize_tuple(self, _: usize) -> Result<Array<'a>, NotCanonical> {
        self.array(false)
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Array<'a>, NotCanonical> {
        self.array(false)
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Array<'a>, NotCanonical> {
        self.wrap(variant)?;
        self.array(true)
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Object<'a>, NotCanonical> {
        self.object(false)
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Object<'a>, NotCanonical> {
        self.object(false)
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Object<'a>, NotCanonical> {
        self.wrap(variant)?;
        self.object(true)
    }
}

macro_rules! array_trait {
    ($trait:ident, $method:ident) => {
        impl $trait for Array<'_> {
            type Ok = ();
            type Error = NotCanonical;
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
                self.element(value)
            }
            fn end(self) -> Done {
                self.close();
                Ok(())
            }
        }
    };
}
array_trait!(SerializeSeq, serialize_element);
array_trait!(SerializeTuple, serialize_element);
array_trait!(SerializeTupleStruct, serialize_field);
array_trait!(SerializeTupleVariant, serialize_field);

macro_rules! struct_trait {
    ($trait:ident) => {
        impl $trait for Object<'_> {
            type Ok = ();
            type Error = NotCanonical;
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Done {
                self.key(key)?;
                self.value(value)
            }
            fn end(self) -> Done {
                self.close()
            }
        }
    };
}
struct_trait!(SerializeStruct);
struct_trait!(SerializeStructVariant);

impl SerializeMap for Object<'_> {
    type Ok = ();
    type Error = NotCanonical;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Done {
        let text = key.serialize(KeyText)?;
        self.key(&text)
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        self.value(value)
    }
    fn end(self) -> Done {
        self.close()
    }
}

/// Takes a map's key, which must be text, or a number that counts things.
struct KeyText;

fn not_text<T>() -> Result<T, NotCanonical> {
    Err(NotCanonical::new(0, "a key that is not text"))
}

macro_rules! refuse {
    ($($method:ident: $type:ty),* $(,)?) => {
        $(fn $method(self, _: $type) -> Result<String, NotCanonical> { not_text() })*
    };
}

impl Serializer for KeyText {
    type Ok = String;
    type Error = NotCanonical;
    type SerializeSeq = Impossible<String, NotCanonical>;
    type SerializeTuple = Impossible<String, NotCanonical>;
    type SerializeTupleStruct = Impossible<String, NotCanonical>;
    type SerializeTupleVariant = Impossible<String, NotCanonical>;
    type SerializeMap = Impossible<String, NotCanonical>;
    type SerializeStruct = Impossible<String, NotCanonical>;
    type SerializeStructVariant = Impossible<String, NotCanonical>;

    refuse!(
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32,
        serialize_i64: i64, serialize_u8: u8, serialize_u16: u16, serialize_u64: u64,
        serialize_f32: f32, serialize_f64: f64, serialize_char: char,
        serialize_bytes: &[u8], serialize_unit_struct: &'static str,
    );
    fn serialize_str(self, text: &str) -> Result<String, NotCanonical> {
        Ok(text.to_owned())
    }
    /// A number that counts things, as serde_json writes and reads it.
    fn serialize_u32(self, number: u32) -> Result<String, NotCanonical> {
        Ok(number.to_string())
    }
    fn serialize_none(self) -> Result<String, NotCanonical> {
        not_text()
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<String, NotCanonical> {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<String, NotCanonical> {
        not_text()
    }
    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<String, NotCanonical> {
        Ok(variant.to_owned())
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<String, NotCanonical> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<String, NotCanonical> {
        not_text()
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, NotCanonical> {
        not_text()
    }
    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeSeq, NotCanonical> {
        not_text()
    }
    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeSeq, NotCanonical> {
        not_text()
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeSeq, NotCanonical> {
        not_text()
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, NotCanonical> {
        not_text()
    }
    fn serialize_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeMap, NotCanonical> {
        not_text()
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeMap, NotCanonical> {
        not_text()
    }
}
