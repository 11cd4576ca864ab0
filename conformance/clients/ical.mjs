// A calendar client's library reads the feed before and after a date moved: it
// must see the same event, newer, on its new day, with its alarms.
//
//   node clients/ical.mjs BEFORE.ics AFTER.ics
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import ICAL from 'ical.js';

ICAL.design.strict = true;

function read(path) {
    const calendar = new ICAL.Component(ICAL.parse(readFileSync(path, 'utf8')));
    assert.equal(calendar.getFirstPropertyValue('method'), 'PUBLISH');
    assert.equal(calendar.getFirstPropertyValue('refresh-interval').toString(), 'PT60M');
    const events = new Map();
    for (const component of calendar.getAllSubcomponents('vevent')) {
        const event = new ICAL.Event(component);
        assert.ok(!events.has(event.uid), 'a UID stands twice');
        assert.ok(event.startDate.isDate && event.endDate.isDate, 'an event is not all-day');
        assert.ok(event.startDate.compare(event.endDate) < 0, 'an event is over before it begins');
        events.set(event.uid, event);
    }
    return events;
}

const before = read(process.argv[2]);
const after = read(process.argv[3]);
console.log(`ok both files are read: ${before.size} and ${after.size} events`);

const named = (events, summary) => [...events.values()].find((e) => e.summary === summary);
const old = named(before, 'crm-sync: secret ends');
const moved = after.get(old.uid);
assert.equal(old.startDate.toString(), '2026-11-28');
assert.equal(moved.startDate.toString(), '2027-05-23');
assert.ok(moved.sequence > old.sequence, 'the sequence did not rise');
assert.ok(
    moved.component.getFirstPropertyValue('dtstamp').compare(old.component.getFirstPropertyValue('dtstamp')) > 0,
    'the stamp is not newer',
);
console.log('ok a moved date is the same event, newer');

assert.match(moved.description, /Purpose: orders; returns, "all" \\ of them · 漢字/);
assert.match(moved.description, /Date: derived, generated 2026-11-24/);
console.log('ok texts come back as they were written');

const triggers = moved.component.getAllSubcomponents('valarm').map((alarm) => {
    const trigger = alarm.getFirstPropertyValue('trigger');
    const at = moved.startDate.clone();
    at.isDate = false;
    at.addDuration(trigger);
    return at.toString();
});
assert.deepEqual(triggers, ['2027-05-09T09:00:00', '2027-05-16T09:00:00']);
console.log('ok alarms ring at nine, 14 and 7 days before');

const gone = after.get(named(before, 'Planned renewal: crm-sync').uid);
assert.equal(gone.component.getFirstPropertyValue('status'), 'CANCELLED');
console.log('ok a renewal that is done is cancelled');
