"""Reads each NAME.ics of a folder with `icalendar` and compares it with NAME.json beside it.

usage: read_meetings.py DIR
"""

import datetime
import json
import pathlib
import sys

import icalendar


def seconds(moment: datetime.datetime) -> int:
    assert moment.utcoffset() == datetime.timedelta(0), f"{moment} is not in UTC"
    return int(moment.timestamp())


def text(event: icalendar.Event, name: str) -> str | None:
    value = event.get(name)
    assert not isinstance(value, list), f"{name} stands there more than once"
    return None if value is None else str(value)


def party(address: icalendar.vCalAddress) -> dict[str, str | None]:
    name = address.params.get("CN")
    return {"name": None if name is None else str(name), "address": str(address)}


def read(octets: bytes) -> dict[str, object]:
    calendar = icalendar.Calendar.from_ical(octets)
    assert not calendar.errors, calendar.errors
    (event,) = calendar.subcomponents
    assert event.name == "VEVENT" and not event.errors, event.errors
    assert calendar["VERSION"] == "2.0" and calendar["PRODID"]
    organizer = event.get("ORGANIZER")
    attendees = event.get("ATTENDEE", [])
    attendees = attendees if isinstance(attendees, list) else [attendees]
    for attendee in attendees:
        said = {name: str(attendee.params[name]) for name in ("ROLE", "PARTSTAT", "RSVP")}
        assert said == {"ROLE": "REQ-PARTICIPANT", "PARTSTAT": "NEEDS-ACTION", "RSVP": "TRUE"}, said
    return {
        "method": str(calendar["METHOD"]),
        "status": text(event, "STATUS"),
        "uid": text(event, "UID"),
        "sequence": int(event["SEQUENCE"]),
        "stamp_s": seconds(event["DTSTAMP"].dt),
        "start_s": seconds(event["DTSTART"].dt),
        "end_s": seconds(event["DTEND"].dt),
        "summary": text(event, "SUMMARY"),
        "description": text(event, "DESCRIPTION"),
        "location": text(event, "LOCATION"),
        "url": text(event, "URL"),
        "organizer": None if organizer is None else party(organizer),
        "attendees": [party(attendee) for attendee in attendees],
    }


def main() -> int:
    files = sorted(pathlib.Path(sys.argv[1]).glob("*.ics"))
    wrong = 0
    for file in files:
        expected = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
        try:
            found = read(file.read_bytes())
        except Exception as error:
            found = {"error": repr(error)}
        for name in sorted(expected.keys() | found.keys()):
            if expected.get(name) != found.get(name):
                wrong += 1
                print(f"{file.stem}: {name} is {found.get(name)!r}, not {expected.get(name)!r}")
    print(f"icalendar {icalendar.__version__} read {len(files)} meetings, {wrong} values are wrong")
    return 1 if wrong or len(files) < 50 else 0


if __name__ == "__main__":
    sys.exit(main())
