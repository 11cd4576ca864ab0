import { promisify } from 'node:util';
import FuelSoap from 'fuel-soap';
import { CHILD, EID, OTHER, assert, caught, control, during, expectations, plainURL, register, requests, revoke, tokenRequests } from './harness.mjs';

const soapOf = (client, accountId = EID) => {
    const soap = new FuelSoap({
        auth: {
            clientId: client.client_id,
            clientSecret: client.client_secret,
            authUrl: `${plainURL}v2/token`,
            authOptions: { authVersion: 2, accountId },
        },
    });
    return promisify(soap.retrieve.bind(soap));
};
const all = () => ({ queryAllAccounts: true });

await expectations('fuel-soap', {
    'business units of the enterprise': async () => {
        const { body } = await soapOf(await register())('BusinessUnit', ['ID', 'Name', 'ParentID'], all());
        assert.deepEqual(body.Results.map((unit) => Number(unit.ID)), [EID, CHILD, OTHER]);
    },
    'a simple filter': async () => {
        const filter = { leftOperand: 'CustomerKey', operator: 'equals', rightOperand: 'Orders' };
        const { body } = await soapOf(await register())('DataExtension', ['CustomerKey', 'Name'], { filter });
        assert.deepEqual(body.Results.map((extension) => extension.Name), ['Orders']);
    },
    'a complex filter': async () => {
        const side = (rightOperand) => ({ leftOperand: 'Name', operator: 'equals', rightOperand });
        const filter = { leftOperand: side('Orders'), operator: 'OR', rightOperand: side('Contacts') };
        const { body } = await soapOf(await register())('DataExtension', ['Name'], { filter });
        assert.deepEqual(body.Results.map((extension) => extension.Name), ['Orders', 'Contacts']);
    },
    'the properties it asks for by itself': async () => {
        const { body } = await soapOf(await register())('List', ['Client', 'ID', 'ObjectID'], {});
        assert.equal(Number(body.Results[0].Client.ID), EID);
    },
    'nothing found is an empty list': async () => {
        const filter = { leftOperand: 'Name', operator: 'equals', rightOperand: 'Absent' };
        const { body } = await soapOf(await register())('DataExtension', ['Name'], { filter });
        assert.deepEqual(body.Results, []);
    },
    'Token Expired is retried with the same dead token, for ever': async () => {
        const client = await register();
        const retrieve = soapOf(client);
        await retrieve('DataFolder', ['ID'], {});
        await revoke(client);
        const error = await caught(retrieve('DataFolder', ['ID'], {}));
        assert.equal(error.faultstring, 'Token Expired');
        assert.equal(await tokenRequests(client), 1);
        assert.equal(await requests(client, 'soap'), 3);
    },
    'Token Expired once is healed by that retry': async () => {
        const client = await register();
        const { res } = await during({ fault: 'soap_token_expired', client_id: client.client_id, times: 1 }, () =>
            soapOf(client)('DataFolder', ['ID'], {}),
        );
        assert.equal(res.statusCode, 200);
        assert.equal(await tokenRequests(client), 1);
    },
    'throttling is a fault with HTTP 500 and code 17': async () => {
        const client = await register();
        const error = await during({ fault: 'soap_rate_limited', client_id: client.client_id }, () =>
            caught(soapOf(client)('DataFolder', ['ID'], {})),
        );
        assert.equal(error.faultstring, 'Rate Limited');
        assert.equal(error.detail.apifault.Code, '17');
    },
    'a missing right is an error in HTTP 200': async () => {
        const client = await register({ scopes: ['email_read'] });
        const error = await caught(soapOf(client)('DataExtension', ['Name'], {}));
        assert.match(error.message, /^API Permission Failed/);
    },
    'a dead secret is "No access token"': async () => {
        const client = await register();
        await control('POST', `clients/${client.client_id}/delete`);
        const error = await caught(soapOf(client)('DataFolder', ['ID'], {}));
        assert.equal(error.message, 'No access token');
    },
});
