// A mail parser of another make reads what is sent by mail: exactly the headers that
// were meant, text before HTML, and nothing that a name put in.
//
//   node clients/mail.mjs GOLDEN.eml...
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import PostalMime from 'postal-mime';

const meant = ['auto-submitted', 'content-type', 'date', 'from', 'in-reply-to', 'message-id', 'mime-version', 'references', 'subject', 'to', 'x-auto-response-suppress', 'x-keepwatch-status'];

for (const path of process.argv.slice(2)) {
    // A checkout may have changed line ends; on the wire they are CRLF.
    const raw = readFileSync(path, 'utf8').replaceAll(/\r?\n/g, '\r\n');
    const mail = await PostalMime.parse(raw);
    assert.deepEqual([...new Set(mail.headers.map((h) => h.key))].sort(), meant, path);
    assert.equal(mail.headers.length, meant.length, `${path}: a header stands twice`);
    assert.equal(mail.from.address, 'keepwatch@example.com', path);
    assert.deepEqual(mail.to.map((a) => a.address), ['ops@example.com', 'ada@example.org'], path);
    assert.equal(mail.bcc, undefined, path);
    assert.match(mail.text, /^\[(FIRING|RESOLVED|DIGEST)\] /, path);
    assert.ok(mail.text.includes('Next: '), path);
    assert.equal(mail.attachments.length, 0, path);
    assert.ok(!/<(script|img|iframe|link|style|b)\b/i.test(mail.html), `${path}: foreign markup`);
    for (const [, href] of mail.html.matchAll(/href="([^"]*)"/g)) {
        assert.match(href, /^https:\/\/(keepwatch|wiki)\.example\.com\//, path);
    }
    assert.equal(mail.references, mail.inReplyTo, path);
    console.log(`ok ${path.split('/').at(-1)}: ${mail.subject.slice(0, 60)}`);
}
