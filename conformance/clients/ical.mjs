// A calendar client's library reads the feed before and after a date moved: it
// must see the same event, newer, on its new day, with its alarms.
//
//   node clients/ical.mjs BEFORE.ics AFTER.ics OLD-DAY NEW-DAY
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

const [, , beforePath, afterPath, oldDay, newDay] = process.argv;
const before = read(beforePath);
const after = read(afterPath);
console.log(`ok both files are read: ${before.size} and ${after.size} events`);

const named = (events, summary) => [...events.values()].find((e) => e.summary === summary);
const old = named(before, 'crm-sync: secret ends');
const moved = after.get(old.uid);
assert.equal(old.startDate.toString(), oldDay);
assert.equal(moved.startDate.toString(), newDay);
assert.ok(moved.sequence > old.sequence, 'the sequence did not rise');
// Two changes within a second share a stamp; the sequence tells them apart.
assert.ok(
    moved.component.getFirstPropertyValue('dtstamp').compare(old.component.getFirstPropertyValue('dtstamp')) >= 0,
    'the stamp is older',
);
console.log('ok a moved date is the same event, newer');

assert.match(moved.description, /Purpose: orders; returns, "all" \\ of them · 漢字/);
assert.match(moved.description, /Date: derived, generated \d{4}-11-24/);
console.log('ok texts come back as they were written');

const triggers = moved.component.getAllSubcomponents('valarm').map((alarm) => {
    const trigger = alarm.getFirstPropertyValue('trigger');
    const at = moved.startDate.clone();
    at.isDate = false;
    at.addDuration(trigger);
    return at.toString();
});
const nineBefore = (days) => {
    const day = moved.startDate.clone();
    day.adjust(-days, 0, 0, 0);
    return `${day}T09:00:00`;
};
assert.deepEqual(triggers, [nineBefore(14), nineBefore(7)]);
console.log('ok alarms ring at nine, 14 and 7 days before');

const gone = after.get(named(before, 'Planned renewal: crm-sync').uid);
assert.equal(gone.component.getFirstPropertyValue('status'), 'CANCELLED');
console.log('ok a renewal that is done is cancelled');
