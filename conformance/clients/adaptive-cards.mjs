// The reference implementation of Adaptive Cards reads what is sent to Teams: every
// card parses without a complaint, holds no element with markup, and opens nothing but
// our own pages.
//
//   node clients/adaptive-cards.mjs GOLDEN.json...
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const AC = createRequire(import.meta.url)('adaptivecards/dist/adaptivecards.js'); // its modules are for bundlers

function walk(container, visit) {
    for (let i = 0; i < container.getItemCount(); i++) {
        const item = container.getItemAt(i);
        visit(item);
        if (item instanceof AC.Container) {
            walk(item, visit);
        }
    }
}

for (const path of process.argv.slice(2)) {
    const message = JSON.parse(readFileSync(path, 'utf8'));
    assert.equal(message.type, 'message', path);
    assert.equal(message.attachments.length, 1, path);
    assert.equal(message.attachments[0].contentType, 'application/vnd.microsoft.card.adaptive', path);
    const content = message.attachments[0].content;
    const context = new AC.SerializationContext(AC.Versions.v1_4);
    const card = new AC.AdaptiveCard();
    card.parse(content, context);
    const complaints = [];
    for (let i = 0; i < context.eventCount; i++) {
        complaints.push(context.getEventAt(i).message);
    }
    assert.deepEqual(complaints, [], path);
    assert.deepEqual(card.validateProperties().validationEvents.map((e) => e.message), [], path);
    const said = [];
    let runs = 0;
    walk(card, (item) => {
        assert.ok(item instanceof AC.Container || item instanceof AC.RichTextBlock, `${path}: a ${item.getJsonTypeName()}`);
        if (item instanceof AC.RichTextBlock) {
            for (let i = 0; i < item.getInlineCount(); i++) {
                const run = item.getInlineAt(i);
                assert.equal(run.getJsonTypeName(), 'TextRun', path);
                assert.equal(run.selectAction, undefined, path);
                said.push(run.text);
                runs++;
            }
        }
    });
    assert.ok(runs >= 3, `${path}: it says nothing`);
    assert.ok(said.some((text) => /^(What|To): $/.test(text)), path);
    for (const action of content.actions ?? []) {
        assert.equal(action.type, 'Action.OpenUrl', path);
        assert.match(action.url, /^https:\/\/(keepwatch|wiki)\.example\.com\//, path);
    }
    assert.equal(card.getActionCount(), (content.actions ?? []).length, path);
    console.log(`ok ${path.split('/').at(-1)}: ${runs} runs of text, ${card.getActionCount()} buttons`);
}
