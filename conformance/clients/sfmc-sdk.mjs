import SDK from 'sfmc-sdk';
import { EID, CHILD, OTHER, assert, authURL, caught, control, during, expectations, register, requests, revoke, tokenRequests } from './harness.mjs';

const sdkOf = (client, options, auth = {}) =>
    new SDK(
        { client_id: client.client_id, client_secret: client.client_secret, auth_url: authURL, account_id: EID, ...auth },
        { requestAttempts: 1, ...options },
    );
const properties = ['Name', 'ID', 'ParentName', 'ParentID', 'IsActive'];
const context = '/platform/v1/tokenContext';

await expectations('sfmc-sdk', {
    'a token has the fields, length and life of a real one': async () => {
        const session = await sdkOf(await register()).auth.getAccessToken();
        assert.equal(session.access_token.length, 512);
        assert.equal(session.access_token.split('.').length, 4);
        assert.equal(session.expires_in, 1079);
        assert.equal(session.token_type, 'Bearer');
        assert.equal(typeof session.scope, 'string');
        assert.match(session.rest_instance_url, /\/$/);
        assert.match(session.soap_instance_url, /\/$/);
    },
    'the claims name client, enterprise and stack': async () => {
        const client = await register({ stack: 'S7' });
        const { access_token } = await sdkOf(client).auth.getAccessToken();
        const claims = JSON.parse(Buffer.from(access_token.split('.')[1], 'base64url'));
        assert.equal(claims.client_id, client.client_id);
        assert.equal(claims.eid, EID);
        assert.equal(claims.stack_key, 'S7');
        assert.equal(claims.client_type, 'ServerToServer');
    },
    'scopes asked for are granted, and no others': async () => {
        const session = await sdkOf(await register(), {}, { scope: ['email_read', 'journeys_read'] }).auth.getAccessToken();
        assert.equal(session.scope, 'email_read journeys_read');
    },
    'REST: who the token is for': async () => {
        const answer = await sdkOf(await register(), {}, { account_id: String(CHILD) }).rest.get(context);
        assert.equal(answer.enterprise.id, EID);
        assert.equal(answer.organization.id, CHILD);
    },
    'REST: a paged list': async () => {
        const answer = await sdkOf(await register()).rest.getBulk('/interaction/v1/interactions', 1);
        assert.equal(answer.items.length, answer.count);
        assert.ok(answer.count > 1);
    },
    'REST: a missing scope is refused with 20002': async () => {
        const client = await register({ scopes: ['email_read'] });
        const error = await caught(sdkOf(client).rest.get('/asset/v1/content/categories?$pageSize=1'));
        assert.equal(error.code, 20002);
        assert.equal(error.response.status, 403);
    },
    'SOAP: all business units of the enterprise': async () => {
        const answer = await sdkOf(await register()).soap.retrieve('BusinessUnit', properties, { QueryAllAccounts: true });
        assert.equal(answer.OverallStatus, 'OK');
        assert.deepEqual(answer.Results.map((unit) => Number(unit.ID)), [EID, CHILD, OTHER]);
        assert.equal(Number(answer.Results[0].ParentID), 0);
    },
    'SOAP: a business unit sees only itself': async () => {
        const answer = await sdkOf(await register(), {}, { account_id: CHILD }).soap.retrieve('BusinessUnit', properties, { QueryAllAccounts: true });
        assert.deepEqual(answer.Results.map((unit) => Number(unit.ID)), [CHILD]);
    },
    'SOAP: packages show as app users': async () => {
        const client = await register({ name: 'shop' });
        const answer = await sdkOf(client).soap.retrieve('AccountUser', ['AccountUserID', 'Name', 'Email', 'IsAPIUser'], {
            QueryAllAccounts: true,
            filter: { leftOperand: 'Name', operator: 'like', rightOperand: 'shop app user' },
        });
        assert.equal(answer.Results.length, 1);
        assert.equal(answer.Results[0].Name, 'shop app user');
    },
    'SOAP: users beside the clients, and where each may work': async () => {
        const sdk = sdkOf(await register());
        const user = await control('POST', 'users', { package: true, name: 'forgotten', eid: EID, business_units: [CHILD] });
        const { Results } = await sdk.soap.retrieveBulk('AccountUserAccount', ['AccountUser.AccountUserID', 'Account.ID'], {});
        const units = Results.filter((row) => String(row.AccountUser.AccountUserID) === user.id).map((row) => Number(row.Account.ID));
        assert.deepEqual(units, [EID, CHILD]);
        const answer = await sdk.soap.retrieve('AccountUser', ['Name', 'IsLocked'], {
            QueryAllAccounts: true,
            filter: { leftOperand: 'IsAPIUser', operator: 'equals', rightOperand: 'true' },
        });
        assert.ok(answer.Results.some((row) => row.Name === 'forgotten app user'));
    },
    'REST: the audit trail, as an object and as an array': async () => {
        const client = await register({ name: 'audited' });
        const sdk = sdkOf(client);
        await control('PATCH', `clients/${client.client_id}`, { scopes: ['tracking_events_read', 'accounts_read'] });
        const page = await sdk.rest.get('/data/v1/audit/auditEvents?$page=1&$pagesize=1&$orderBy=createdDate%20DESC');
        assert.equal(page.items[0].objectType.name, 'Component');
        assert.equal(page.items[0].object.name, 'audited');
        await control('PATCH', 'settings', { audit_array: true });
        try {
            const [wrapped] = await sdk.rest.get('/data/v1/audit/auditEvents?$page=1&$pagesize=1');
            assert.equal(wrapped.items[0].object.name, 'audited');
        } finally {
            await control('PATCH', 'settings', { audit_array: false });
        }
    },
    'SOAP: more data than fits is continued': async () => {
        let pages = 1;
        const sdk = sdkOf(await register(), { eventHandlers: { onLoop: () => pages++ } });
        const answer = await sdk.soap.retrieveBulk('DataFolder', ['ID', 'Name'], { options: { BatchSize: 5 }, QueryAllAccounts: true });
        const ids = new Set(answer.Results.map((folder) => folder.ID));
        assert.equal(ids.size, answer.Results.length);
        assert.equal(pages, Math.ceil(ids.size / 5));
    },
    'SOAP: an unknown object is an error in HTTP 200': async () => {
        const error = await caught(sdkOf(await register()).soap.retrieve('Nonsense', ['ID']));
        assert.match(error.message, /^Unable to find a handler for object type: Nonsense/);
        assert.equal(error.response.status, 200);
    },
    'REST: a dead token is retried once, and only with more than one attempt': async () => {
        const client = await register();
        const [once, twice] = [sdkOf(client), sdkOf(client, { requestAttempts: 2 })];
        await once.rest.get(context);
        await twice.rest.get(context);
        await revoke(client);
        const before = await tokenRequests(client);
        // attempts 1: the first try spends the only attempt
        const error = await caught(once.rest.get(context));
        assert.equal(error.message, 'Not Authorized');
        assert.equal(error.code, 'ERR_BAD_REQUEST'); // errorcode 0 is falsy to it
        assert.equal(await tokenRequests(client), before);
        await twice.rest.get(context);
        assert.equal(await tokenRequests(client), before + 1);
    },
    'SOAP: Token Expired is retried with a new token': async () => {
        const client = await register();
        const sdk = sdkOf(client, { requestAttempts: 2 });
        await sdk.soap.retrieve('DataFolder', ['ID']);
        await revoke(client);
        await sdk.soap.retrieve('DataFolder', ['ID']);
        assert.equal(await tokenRequests(client), 2);
    },
    'a dead secret costs two token requests for a REST call, one for SOAP': async () => {
        const [rest, soap] = [await register(), await register()];
        for (const client of [rest, soap]) {
            await control('POST', `clients/${client.client_id}/expire`);
        }
        const error = await caught(sdkOf(rest).rest.get(context));
        assert.equal(error.code, 'invalid_client');
        assert.match(error.message, /^Client authentication failed\./);
        assert.equal(await tokenRequests(rest), 2);
        await caught(sdkOf(soap).soap.retrieve('DataFolder', ['ID']));
        assert.equal(await tokenRequests(soap), 1);
    },
    'five first calls at once make five token requests': async () => {
        const client = await register();
        const sdk = sdkOf(client);
        await Promise.all([1, 2, 3, 4, 5].map(() => sdk.rest.get(context)));
        assert.equal(await tokenRequests(client), 5);
    },
    'a reset connection is retried': async () => {
        const client = await register();
        const fault = { fault: 'reset', client_id: client.client_id, on: 'rest', times: 1 };
        await during(fault, () => sdkOf(client, { requestAttempts: 2 }).rest.get(context));
        assert.equal(await requests(client, 'tokenContext'), 2);
    },
    'throttling is not retried': async () => {
        const client = await register();
        const fault = { fault: 'rest_rate_limited', client_id: client.client_id };
        const error = await during(fault, () => caught(sdkOf(client, { requestAttempts: 3 }).rest.get(context)));
        assert.equal(error.code, 50100);
        assert.equal(error.response.headers['retry-after'], '5');
        assert.equal(await requests(client, 'tokenContext'), 1);
    },
});
