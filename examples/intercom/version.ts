/** The version of the API that the scripts are written for. https://developers.intercom.com/docs/build-an-integration/learn-more/rest-apis/api-versioning */
export const headers = { 'Intercom-Version': '2.11' };
