// Slack's own types, checked by the TypeScript compiler, read what is sent to Slack:
// every message is made of blocks that Slack knows, with no field that it does not.
//
//   node clients/slack-blocks.mjs GOLDEN.json...
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const here = join(dirname(fileURLToPath(import.meta.url)), '..');

// complaints type-checks messages as one file of this folder, a line each, and returns
// the lines that are wrong.
function complaints(messages) {
    const file = join(here, 'messages.mts');
    const text =
        `import type { KnownBlock } from '@slack/types';\n` +
        messages.map((m, i) => `export const m${i}: { text: string; blocks: KnownBlock[] } = ${m};\n`).join('');
    const options = { strict: true, noEmit: true, module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext, target: ts.ScriptTarget.ES2022, types: [], skipLibCheck: true };
    const host = ts.createCompilerHost(options);
    const read = host.getSourceFile.bind(host);
    host.getSourceFile = (path, ...rest) => (path === file ? ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true) : read(path, ...rest));
    const exists = host.fileExists.bind(host);
    host.fileExists = (path) => path === file || exists(path);
    const found = new Map();
    for (const d of ts.getPreEmitDiagnostics(ts.createProgram([file], options, host))) {
        const line = d.file ? d.file.getLineAndCharacterOfPosition(d.start).line - 1 : -1;
        found.set(line, ts.flattenDiagnosticMessageText(d.messageText, '\n'));
    }
    return found;
}

// What is wrong has to be found: a reader that accepts everything proves nothing.
const wrong = [
    '{ text: "x", blocks: [{ type: "section", text: { type: "markdown", text: "x" } }] }',
    '{ text: "x", blocks: [{ type: "section", txt: { type: "mrkdwn", text: "x" } }] }',
    '{ text: "x", blocks: [{ type: "sections" }] }',
    '{ text: "x", blocks: [{ type: "actions", elements: [{ type: "button", text: { type: "mrkdwn", text: "x" }, url: "https://x/" }] }] }',
];

const files = process.argv.slice(2);
let buttons = 0;
const messages = files.map((path) => {
    const { text, blocks } = JSON.parse(readFileSync(path, 'utf8'));
    for (const block of blocks) {
        for (const t of [block.text, ...(block.fields ?? []), ...(block.elements ?? [])].filter(Boolean)) {
            if (t.type === 'button') {
                // A button is of plain text, and leads to our own pages.
                assert.equal(t.text.type, 'plain_text', path);
                assert.match(t.url, /^https:\/\/keepwatch\.example\.com\/act\//, path);
                buttons++;
                continue;
            }
            // What is left of foreign text holds no control sequence: <...> is ours, with our hosts.
            for (const [, inside] of t.text.matchAll(/<([^>]*)>/g)) {
                assert.match(inside, /^https:\/\/(keepwatch|wiki)\.example\.com\/[^|]*\|/, path);
            }
        }
    }
    return JSON.stringify({ text, blocks });
});
const found = complaints([...wrong, ...messages]);
assert.deepEqual([...found.keys()].sort(), wrong.map((_, i) => i), JSON.stringify([...found]));
assert.ok(buttons >= 3, 'no button was read');
for (const path of files) {
    console.log(`ok ${basename(path)}`);
}
