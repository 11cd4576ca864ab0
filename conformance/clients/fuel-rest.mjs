import FuelRest from 'fuel-rest';
import { CHILD, EID, assert, authURL, caught, control, expectations, register, requests, restOrigin, revoke, tokenRequests } from './harness.mjs';

const restOf = (client, accountId = EID) =>
    new FuelRest({
        auth: {
            clientId: client.client_id,
            clientSecret: client.client_secret,
            authUrl: `${authURL}v2/token`,
            authOptions: { authVersion: 2, accountId },
        },
        origin: restOrigin,
    });
const get = (rest, uri) => rest.get({ uri });

await expectations('fuel-rest', {
    'paths arrive in lower case and are found': async () => {
        const client = await register();
        const { res, body } = await get(restOf(client, CHILD), '/platform/v1/tokenContext');
        assert.equal(res.statusCode, 200);
        assert.equal(res.request.path.endsWith('/platform/v1/tokencontext'), true);
        assert.equal(body.organization.id, CHILD);
    },
    'query parameters in lower case still count': async () => {
        const { body } = await get(restOf(await register()), '/interaction/v1/interactions?$pageSize=1');
        assert.equal(body.items.length, 1);
    },
    'a dead token is retried when the answer says invalid_token': async () => {
        const client = await register();
        const rest = restOf(client);
        await get(rest, '/platform/v1/tokenContext');
        await revoke(client);
        await control('PATCH', 'settings', { www_authenticate: true });
        try {
            const { res } = await get(rest, '/platform/v1/tokenContext');
            assert.equal(res.statusCode, 200);
        } finally {
            await control('PATCH', 'settings', { www_authenticate: false });
        }
        assert.equal(await tokenRequests(client), 2);
        assert.equal(await requests(client, 'tokenContext'), 3);
    },
    'a dead token is not retried without that header': async () => {
        const client = await register();
        const rest = restOf(client);
        await get(rest, '/platform/v1/tokenContext');
        await revoke(client);
        const { res, body } = await get(rest, '/platform/v1/tokenContext');
        assert.equal(res.statusCode, 401);
        assert.equal(body.errorcode, 0);
        assert.equal(await tokenRequests(client), 1);
    },
    'a dead secret is "No access token"': async () => {
        const client = await register();
        await control('POST', `clients/${client.client_id}/expire`);
        const error = await caught(get(restOf(client), '/platform/v1/tokenContext'));
        assert.equal(error.message, 'No access token');
        assert.equal(await tokenRequests(client), 1);
    },
});
