// A client as somebody would write it against the generated types: strict, and
// without a cast.
import createClient from "openapi-fetch";
import type { paths } from "./openapi";

export async function run(baseUrl: string, key: string): Promise<string[]> {
  const api = createClient<paths>({ baseUrl });
  const login = await api.PUT("/v2/api_auth", { body: { data: { api_key: key } } });
  if (login.error) throw new Error(login.error.message);
  const account_id = login.data.data.account_id;
  const headers = { "X-Auth-Token": login.data.auth_token ?? "" };
  const path = { account_id };
  const made = await api.PUT("/v2/accounts/{account_id}/callflows", {
    headers, params: { path },
    body: { data: { numbers: ["100"], flow: { module: "response", data: { code: 486, message: "busy" }, children: {} }, note: "ours" } },
  });
  if (made.error) throw new Error(Object.keys(made.error.data).join(", "));
  const callflow_id: string = made.data.data.id;
  const one = await api.GET("/v2/accounts/{account_id}/callflows/{callflow_id}", { headers, params: { path: { account_id, callflow_id } } });
  const numbers: string[] = one.data?.data.numbers ?? [];
  const list = await api.GET("/v2/accounts/{account_id}/callflows", { headers, params: { path, query: { page_size: 5, pretty_print: true } } });
  const names: string[] = (list.data?.data ?? []).map((item) => item.name ?? item.id);
  const changed = await api.PATCH("/v2/accounts/{account_id}/callflows/{callflow_id}", {
    headers, params: { path: { account_id, callflow_id }, header: { "If-Match": `"${one.data?.revision ?? ""}"` } },
    body: { data: { name: "Main" } },
  });
  const spare = await api.GET("/v2/accounts/{account_id}/phone_numbers", { headers, params: { path } });
  const free: string[] = Object.entries(spare.data?.data.numbers ?? {}).filter(([, item]) => !item.used_by).map(([number]) => number);
  return [...numbers, ...names, ...free, changed.data?.data.name ?? "", String(login.data.data.capabilities.voicemail.transcription.available)];
}
