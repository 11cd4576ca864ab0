import { promisify } from 'node:util';
import Client from 'sfmc-fuelsdk-node';
import { CHILD, EID, assert, authURL, control, expectations, register, restOrigin, tokenRequests } from './harness.mjs';

const clientOf = (client, accountId = EID) =>
    new Client(client.client_id, client.client_secret, undefined, {
        origin: restOrigin,
        authOrigin: authURL.replace(/\/$/, ''),
        authOptions: { authVersion: 2, accountId, applicationType: 'server' },
    });
const get = (object) => promisify(object.get.bind(object))();

await expectations('sfmc-fuelsdk-node', {
    'lists over SOAP': async () => {
        const answer = await get(clientOf(await register()).list({ props: ['ID', 'ListName', 'CustomerKey'] }));
        const body = answer.body ?? answer;
        assert.deepEqual(body.Results.map((list) => list.ListName), ['All Subscribers', 'Newsletter']);
    },
    'folders over SOAP, filtered': async () => {
        const filter = { leftOperand: 'ContentType', operator: 'equals', rightOperand: 'email' };
        const answer = await get(clientOf(await register(), CHILD).folder({ props: ['ID', 'Name', 'ContentType'], filter }));
        assert.deepEqual((answer.body ?? answer).Results.map((folder) => folder.Name), ['email']);
    },
    'campaigns over REST': async () => {
        const answer = await get(clientOf(await register()).campaign({ props: {} }));
        const body = answer.body ?? answer;
        assert.equal(body.items[0].name, 'Autumn');
    },
    'REST and SOAP share one token': async () => {
        const client = await register();
        const fuel = clientOf(client);
        await get(fuel.campaign({ props: {} }));
        await get(fuel.list({ props: ['ID'] }));
        assert.equal(await tokenRequests(client), 1);
    },
    'a dead secret is named by the first call': async () => {
        const client = await register();
        await control('POST', `clients/${client.client_id}/expire`);
        await assert.rejects(get(clientOf(client).list({ props: ['ID'] })), /No access token/);
    },
});
