//! Where a body ends.

use super::*;

pub(super) fn lengths_and_encodings() -> Vec<Case> {
    const CL_TE: &str = "smuggling CL.TE";
    const TE_CL: &str = "smuggling TE.CL";
    let zero = format!("0\r\n\r\n{SECOND}");
    let long = zero.len();
    let inner = format!("{:x}\r\n{SECOND}\r\n0\r\n\r\n", SECOND.len());
    let both = |fields: String| post(&fields, &zero);
    vec![
        harmful(
            CL_TE,
            "a length of all, then an encoding",
            both(format!(
                "Content-Length: {long}\r\nTransfer-Encoding: chunked\r\n"
            )),
        ),
        harmful(
            CL_TE,
            "an encoding, then a length of all",
            both(format!(
                "Transfer-Encoding: chunked\r\nContent-Length: {long}\r\n"
            )),
        ),
        harmful(
            CL_TE,
            "a length of nothing and an encoding",
            both("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n".into()),
        ),
        harmful(
            CL_TE,
            "in HTTP/1.0",
            format!(
                "POST /PATH HTTP/1.0\r\n{HOST}Content-Length: {long}\r\nTransfer-Encoding: chunked\r\n\r\n{zero}"
            ),
        ),
        harmful(
            CL_TE,
            "names in other cases",
            both(format!(
                "content-length: {long}\r\nTRANSFER-ENCODING: chunked\r\n"
            )),
        ),
        harmful(
            CL_TE,
            "in a GET",
            with(
                "GET",
                &format!("Content-Length: {long}\r\nTransfer-Encoding: chunked\r\n"),
                &zero,
            ),
        ),
        harmful(
            CL_TE,
            "far apart",
            both(format!(
                "Content-Length: {long}\r\n{}Transfer-Encoding: chunked\r\n",
                "X-Between: y\r\n".repeat(40)
            )),
        ),
        harmful(
            TE_CL,
            "a chunk longer than the length",
            post(
                "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
                &inner,
            ),
        ),
        harmful(
            TE_CL,
            "the encoding first",
            post(
                "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
                &inner,
            ),
        ),
        harmful(
            TE_CL,
            "the length named in Connection",
            post(
                "Connection: Content-Length\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n",
                &inner,
            ),
        ),
        harmful(
            TE_CL,
            "the encoding named in Connection",
            post(
                "Connection: close, Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n",
                "0\r\n\r\n",
            ),
        ),
        harmful(
            TE_CL,
            "the length named in Connection alone",
            post("Connection: Content-Length\r\nContent-Length: 3\r\n", "abc"),
        ),
        harmful(
            TE_CL,
            "Host named in Connection",
            get("Connection: host\r\n"),
        ),
        harmful(
            TE_CL,
            "who asks named in Connection",
            get("Connection: close, X-Forwarded-For\r\n"),
        ),
    ]
}

pub(super) fn encodings() -> Vec<Case> {
    const TE_TE: &str = "smuggling TE.TE";
    let ways = [
        (
            "a blank before the colon",
            "Transfer-Encoding : chunked\r\n",
        ),
        ("a tab before the colon", "Transfer-Encoding\t: chunked\r\n"),
        (
            "a vertical tab before the value",
            "Transfer-Encoding: \x0bchunked\r\n",
        ),
        (
            "a form feed before the value",
            "Transfer-Encoding: \x0cchunked\r\n",
        ),
        (
            "a vertical tab behind the value",
            "Transfer-Encoding: chunked\x0b\r\n",
        ),
        ("a NUL behind the value", "Transfer-Encoding: chunked\0\r\n"),
        (
            "a carriage return behind the value",
            "Transfer-Encoding: chunked\r\r\n",
        ),
        (
            "a line feed before the name",
            "X: y\nTransfer-Encoding: chunked\r\n",
        ),
        (
            "a carriage return before the name",
            "X: y\rTransfer-Encoding: chunked\r\n",
        ),
        ("folded", "Transfer-Encoding:\r\n chunked\r\n"),
        ("folded by a tab", "Transfer-Encoding:\r\n\tchunked\r\n"),
        (
            "continued by a fold",
            "Transfer-Encoding: chunked\r\n , identity\r\n",
        ),
        ("in quotes", "Transfer-Encoding: \"chunked\"\r\n"),
        ("in single quotes", "Transfer-Encoding: 'chunked'\r\n"),
        ("xchunked", "Transfer-Encoding: xchunked\r\n"),
        ("chunk", "Transfer-Encoding: chunk\r\n"),
        ("with a parameter", "Transfer-Encoding: chunked;q=1\r\n"),
        (
            "with an empty element before",
            "Transfer-Encoding: ,chunked\r\n",
        ),
        (
            "with an empty element behind",
            "Transfer-Encoding: chunked,\r\n",
        ),
        ("identity after", "Transfer-Encoding: chunked, identity\r\n"),
        (
            "identity before",
            "Transfer-Encoding: identity, chunked\r\n",
        ),
        ("identity alone", "Transfer-Encoding: identity\r\n"),
        ("gzip before", "Transfer-Encoding: gzip, chunked\r\n"),
        (
            "twice in one field",
            "Transfer-Encoding: chunked, chunked\r\n",
        ),
        (
            "two fields",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        ),
        (
            "two fields, the second unknown",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n",
        ),
        (
            "two fields, the first unknown",
            "Transfer-Encoding: cow\r\nTransfer-Encoding: chunked\r\n",
        ),
        ("empty", "Transfer-Encoding:\r\n"),
        ("a high byte before", "Transfer-Encoding: \u{a0}chunked\r\n"),
        (
            "an underscore in the name",
            "Transfer_Encoding: chunked\r\n",
        ),
        ("the name in brackets", "[Transfer-Encoding]: chunked\r\n"),
        (
            "the name with a high byte",
            "Transfer-Encoding\u{ff}: chunked\r\n",
        ),
        ("no colon", "Transfer-Encoding chunked\r\n"),
        ("an equals sign", "Transfer-Encoding= chunked\r\n"),
        (
            "blank before the name, first field",
            " Transfer-Encoding: chunked\r\n",
        ),
    ];
    let body = format!("0\r\n\r\n{SECOND}");
    ways.iter()
        .map(|(name, field)| {
            harmful(
                TE_TE,
                name,
                post(&format!("Content-Length: {}\r\n{field}", body.len()), &body),
            )
        })
        .chain(
            ways.iter()
                .filter(|(name, _)| {
                    name.contains("identity") || name.contains("two") || name.contains("chunk")
                })
                .map(|(name, field)| {
                    harmful(
                        TE_TE,
                        &format!("{name}, without a length"),
                        post(field, "0\r\n\r\n"),
                    )
                }),
        )
        .collect()
}

pub(super) fn lengths() -> Vec<Case> {
    const CL: &str = "framing by length";
    const CL_0: &str = "smuggling CL.0";
    let ways = [
        (
            "two, different",
            "Content-Length: 3\r\nContent-Length: 4\r\n",
        ),
        (
            "two, the same",
            "Content-Length: 3\r\nContent-Length: 3\r\n",
        ),
        ("a list", "Content-Length: 3, 3\r\n"),
        ("a list of different ones", "Content-Length: 3, 4\r\n"),
        ("a plus sign", "Content-Length: +3\r\n"),
        ("a minus sign", "Content-Length: -3\r\n"),
        ("minus nothing", "Content-Length: -0\r\n"),
        ("hexadecimal", "Content-Length: 0x3\r\n"),
        ("a leading zero, octal for some", "Content-Length: 03\r\n"),
        ("many leading zeros", "Content-Length: 000000000003\r\n"),
        ("a fraction", "Content-Length: 3.0\r\n"),
        ("an exponent", "Content-Length: 3e0\r\n"),
        ("an underscore", "Content-Length: 0_3\r\n"),
        ("a blank inside", "Content-Length: 3 0\r\n"),
        ("letters behind", "Content-Length: 3a\r\n"),
        ("letters alone", "Content-Length: three\r\n"),
        ("empty", "Content-Length:\r\n"),
        ("in quotes", "Content-Length: \"3\"\r\n"),
        ("digits of another script", "Content-Length: \u{663}\r\n"),
        ("2^64 and three", "Content-Length: 18446744073709551619\r\n"),
        (
            "2^32 times 2^32",
            "Content-Length: 99999999999999999999999999\r\n",
        ),
        ("a vertical tab", "Content-Length: \x0b3\r\n"),
        ("a NUL", "Content-Length: 3\0\r\n"),
        ("a carriage return", "Content-Length: 3\r\r\n"),
        ("a semicolon", "Content-Length: 3;\r\n"),
    ];
    let hidden = [
        ("a blank before the colon", "Content-Length : "),
        ("a tab before the colon", "Content-Length\t: "),
        ("a blank before the name", "X: y\r\n Content-Length: "),
        ("a line feed before the name", "X: y\nContent-Length: "),
        (
            "a carriage return before the name",
            "X: y\rContent-Length: ",
        ),
        ("folded", "Content-Length:\r\n "),
        ("an underscore in the name", "Content_Length: "),
        ("a NUL before the name", "\0Content-Length: "),
        ("a quote before the name", "\"Content-Length: "),
    ];
    let framing = ways
        .iter()
        .map(|(name, field)| harmful(CL, name, post(field, "abc")));
    let hidden = hidden.iter().map(|(name, field)| {
        harmful(
            CL_0,
            &format!("a length that some don't see: {name}"),
            post(&format!("{field}{}\r\n", SECOND.len()), SECOND),
        )
    });
    let expects = [
        ("an expectation nobody has", "y"),
        ("two expectations", "100-continue, 100-continue"),
        ("an expectation with a parameter", "100-continue;x=1"),
        ("half an expectation", "100"),
    ];
    let expects = expects.iter().map(|(name, value)| {
        harmful(
            CL_0,
            name,
            post(
                &format!("Expect: {value}\r\nContent-Length: {}\r\n", SECOND.len()),
                SECOND,
            ),
        )
    });
    let twice = post(
        &format!(
            "Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: {}\r\n",
            SECOND.len()
        ),
        SECOND,
    );
    framing
        .chain(hidden)
        .chain(expects)
        .chain([harmful(CL_0, "the expectation twice", twice)])
        .collect()
}

pub(super) fn in_chunks() -> Vec<Case> {
    const CHUNKS: &str = "chunk tricks";
    let ways = [
        ("an extension", "3;a=b\r\nabc\r\n0\r\n\r\n"),
        ("an empty extension", "3;\r\nabc\r\n0\r\n\r\n"),
        ("a line feed in an extension", "3;a\nabc\r\n0\r\n\r\n"),
        (
            "a carriage return in an extension",
            "3;a\rb\r\nabc\r\n0\r\n\r\n",
        ),
        (
            "an extension in quotes with a line end",
            "3;a=\"\r\nabc\r\n0\r\n\r\n",
        ),
        ("a blank behind the size", "3 \r\nabc\r\n0\r\n\r\n"),
        ("a blank before the size", " 3\r\nabc\r\n0\r\n\r\n"),
        ("a tab before the size", "\t3\r\nabc\r\n0\r\n\r\n"),
        ("a plus sign", "+3\r\nabc\r\n0\r\n\r\n"),
        ("a minus sign", "-3\r\nabc\r\n0\r\n\r\n"),
        ("0x", "0x3\r\nabc\r\n0\r\n\r\n"),
        ("an underscore", "0_3\r\nabc\r\n0\r\n\r\n"),
        ("no size", "\r\nabc\r\n0\r\n\r\n"),
        ("a size of letters", "xyz\r\nabc\r\n0\r\n\r\n"),
        (
            "a size of 2^64 and three",
            "10000000000000003\r\nabc\r\n0\r\n\r\n",
        ),
        (
            "a size of a thousand digits",
            concat!(
                "0000000000000000000000000000000000000000000000000000",
                "0003\r\nabc\r\n0\r\n\r\n"
            ),
        ),
        ("a line feed behind the size", "3\nabc\r\n0\r\n\r\n"),
        ("a carriage return behind the size", "3\rabc\r\n0\r\n\r\n"),
        (
            "two carriage returns behind the size",
            "3\r\r\nabc\r\n0\r\n\r\n",
        ),
        ("a line feed behind the data", "3\r\nabc\n0\r\n\r\n"),
        ("a carriage return behind the data", "3\r\nabc\r0\r\n\r\n"),
        ("nothing behind the data", "3\r\nabc0\r\n\r\n"),
        ("two bytes behind the data", "3\r\nabcXX0\r\n\r\n"),
        ("more data than was said", "3\r\nabcd\r\n0\r\n\r\n"),
        ("a trailer", "3\r\nabc\r\n0\r\nX-Late: yes\r\n\r\n"),
        (
            "a length as a trailer",
            "3\r\nabc\r\n0\r\nContent-Length: 50\r\n\r\n",
        ),
        (
            "Host as a trailer",
            "3\r\nabc\r\n0\r\nHost: b.example\r\n\r\n",
        ),
        ("a broken trailer", "3\r\nabc\r\n0\r\nX-Late\r\n\r\n"),
        ("a line feed behind the last size", "3\r\nabc\r\n0\n\r\n"),
        ("a line feed as the end", "3\r\nabc\r\n0\r\n\n"),
        ("a NUL in the size", "3\0\r\nabc\r\n0\r\n\r\n"),
        ("a size in another script", "\u{663}\r\nabc\r\n0\r\n\r\n"),
        ("a comma", "3,3\r\nabc\r\n0\r\n\r\n"),
        (
            "a second request where the end should be",
            "3\r\nabc\r\n0\r\nGET /PATH?smuggled HTTP/1.1\r\n\r\n",
        ),
    ];
    ways.iter()
        .map(|(name, body)| harmful(CHUNKS, name, chunks(body)))
        .chain([harmful(
            CHUNKS,
            "in HTTP/1.0",
            format!("POST /PATH HTTP/1.0\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
        )])
        .collect()
}
