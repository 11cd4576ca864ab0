import { execFile } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { CHILD, EID, OTHER, assert, authURL, control, expectations, register, requests, tokenRequests } from './harness.mjs';

const modules = fileURLToPath(new URL('../node_modules/', import.meta.url));
const command = path.join(modules, 'mcdev/lib/cli.js');
const { version } = JSON.parse(await readFile(path.join(modules, 'mcdev/package.json')));
const boilerplate = JSON.parse(await readFile(path.join(modules, 'mcdev/boilerplate/config.json')));

// project makes the folder that `mcdev init` would leave behind, by hand: init
// asks questions. Sessions are kept in it too, not in the user's home.
async function project(client) {
    const folder = await mkdtemp(path.join(tmpdir(), 'keepwatch-mcdev-'));
    const config = {
        ...boilerplate,
        credentials: { sim: { eid: EID, businessUnits: { _ParentBU_: EID } } },
        version,
    };
    const auth = { sim: { client_id: client.client_id, client_secret: client.client_secret, auth_url: authURL, account_id: EID } };
    await writeFile(path.join(folder, '.mcdevrc.json'), JSON.stringify(config));
    await writeFile(path.join(folder, '.mcdev-auth.json'), JSON.stringify(auth));
    return folder;
}

function mcdev(folder, ...args) {
    const env = { ...process.env, HOME: folder, XDG_CONFIG_HOME: folder, NO_UPDATE_NOTIFIER: '1', CI: 'true' };
    return new Promise((resolve) => {
        execFile(process.execPath, [command, ...args, '--skipInteraction'], { cwd: folder, env, timeout: 60_000 }, (error, stdout, stderr) =>
            resolve({ code: error?.code ?? 0, output: stdout + stderr }),
        );
    });
}

async function inProject(client, run) {
    const folder = await project(client);
    try {
        return await run(folder);
    } finally {
        await rm(folder, { recursive: true, force: true });
    }
}

await expectations('mcdev', {
    'logs in and discovers the business units': async () => {
        const client = await register();
        await inProject(client, async (folder) => {
            const { output } = await mcdev(folder, 'reloadBUs', 'sim');
            assert.match(output, /Found 3 BUs/, output);
            const config = JSON.parse(await readFile(path.join(folder, '.mcdevrc.json')));
            assert.deepEqual(Object.values(config.credentials.sim.businessUnits).sort(), [EID, CHILD, OTHER]);
        });
        assert.equal(await tokenRequests(client), 1);
        assert.equal(await requests(client, 'soap'), 1);
    },
    'reads users, packages and where each may work': async () => {
        const client = await register();
        await control('POST', 'users', { package: true, name: 'forgotten', eid: EID, business_units: [CHILD] });
        await control('POST', 'users', { login: 'bob', eid: EID, locked: true });
        await inProject(client, async (folder) => {
            const { output } = await mcdev(folder, 'retrieve', 'sim/_ParentBU_', 'user');
            const users = path.join(folder, 'retrieve/sim/_ParentBU_/user');
            const found = await Promise.all((await readdir(users)).map(async (file) => JSON.parse(await readFile(path.join(users, file)))));
            const named = (name) => found.find((user) => user.Name === name);
            assert.ok(named('forgotten app user') && named('bob'), output);
            assert.match(output, /Found 1 active users \/ 0 inactive users \/ \d+ installed packages/);
        });
    },
    'stops at a dead secret and says why': async () => {
        const client = await register();
        await control('POST', `clients/${client.client_id}/expire`);
        await inProject(client, async (folder) => {
            const { output } = await mcdev(folder, 'reloadBUs', 'sim');
            assert.match(output, /Client authentication failed\./, output);
        });
        assert.equal(await tokenRequests(client), 1);
    },
});
