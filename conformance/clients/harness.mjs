// What the scripts share: the simulator's address, its control API, and a
// printer of expectations.
import assert from 'node:assert/strict';

export { assert };

const sim = JSON.parse(process.env.KEEPWATCH_SIM ?? '{}');
if (!sim.control_url) {
    console.error('KEEPWATCH_SIM must hold the first line that `keepwatch sim` prints; use run.sh');
    process.exit(2);
}

// EID is the enterprise that the scripts make their clients in; each run takes
// its own, so that business units of others do not show.
export const EID = 600000000 + Math.floor(Math.random() * 9000000) * 10;
export const CHILD = EID + 1;
export const OTHER = EID + 2;

const subdomain = 'mc' + '0123456789abcdefghijklmnop';

// authURL passes the check of clients that insist on the platform's own host: the
// whole URL stands in the path, and the simulator looks at how the path ends.
export const authURL = `${sim.auth_url}https://${subdomain}.auth.marketingcloudapis.com/`;
// plainURL is the simulator's own address.
export const plainURL = sim.auth_url;
// origin of REST calls, for a client that cuts URLs at ".com/".
export const restOrigin = `https://${subdomain}.rest.marketingcloudapis.com/`;

export async function control(method, path, body) {
    const response = await fetch(sim.control_url + path, {
        method,
        body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) {
        throw new Error(`${method} ${path}: ${response.status} ${text}`);
    }
    return text === '' ? undefined : JSON.parse(text);
}

// register makes a client of the simulator with counters at zero.
export const register = (spec = {}) =>
    control('POST', 'clients', { name: 'conformance', mid: EID, eid: EID, business_units: [CHILD, OTHER], ...spec });

export const tokenRequests = async (client) => (await control('GET', `clients/${client.client_id}`)).token_requests;

// requests counts what a client asked on one route.
export async function requests(client, route) {
    const state = await control('GET', 'state');
    return state.requests
        .filter((r) => r.client_id === client.client_id && r.route === route)
        .reduce((n, r) => n + r.count, 0);
}

// revoke kills the tokens issued so far, as if they had expired.
export const revoke = (client) => control('POST', `clients/${client.client_id}/revoke`);

// inject puts a fault in force for one client while run runs.
export async function during(fault, run) {
    const { id } = await control('POST', 'faults', fault);
    try {
        return await run();
    } finally {
        await control('DELETE', `faults/${id}`).catch(() => {}); // it may have run out
    }
}

// caught returns the error that a promise ends with.
export async function caught(promise) {
    try {
        await promise;
    } catch (error) {
        return error;
    }
    throw new Error('no error came');
}

// expectations runs named checks one after the other and sets the exit code.
export async function expectations(client, checks) {
    for (const [name, check] of Object.entries(checks)) {
        try {
            await check();
            console.log(`ok      ${client}: ${name}`);
        } catch (error) {
            process.exitCode = 1;
            console.log(`failed  ${client}: ${name}`);
            console.log(String(error?.stack ?? error).replaceAll(/^/gm, '          '));
        }
    }
}
