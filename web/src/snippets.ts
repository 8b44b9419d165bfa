/** How programs are given a token to a registry: texts to paste, by what takes them. */
import { dockerLogin, quote } from "./commands.ts";

export interface Credential {
  /** Host and port, as image names begin with. */
  host: string;
  /** Where the management API is. */
  origin: string;
  registry: string;
  /** The token, or what stands for it where it is not known any more. */
  secret: string;
  /** Whether the server speaks HTTP without TLS, which some clients have to be told. */
  isPlain: boolean;
}

export interface Snippet {
  id: string;
  title: string;
  /** What to do with it. */
  lead: string;
  /** Parts in their order: a command for a shell, or a file with its name. */
  parts: readonly { file?: string; text: string }[];
}

const USER = "boxyard";

export function snippetsFor(credential: Credential): readonly Snippet[] {
  const { host, origin, registry, isPlain } = credential;
  const config = dockerConfig(credential);
  const secretName = `registry-${registry}`;
  return [
    {
      id: "docker",
      title: "docker login",
      lead: "Run it, paste the token, press Enter and Ctrl-D. Any user name will do.",
      parts: [{ text: dockerLogin(host) }],
    },
    {
      id: "config-json",
      title: "config.json",
      lead: "Put the entry under auths in ~/.docker/config.json. Do not replace the file: it may hold other registries.",
      parts: [{ file: "config.json", text: config }],
    },
    {
      id: "kubernetes",
      title: "Kubernetes",
      lead: "Save the secret, apply it, and name it in the pods or their service account.",
      parts: [
        { file: `${secretName}.yaml`, text: kubernetesSecret(secretName, config) },
        { text: `kubectl apply --filename ${secretName}.yaml` },
        { file: "pod.yaml", text: `spec:\n  imagePullSecrets:\n    - name: ${secretName}\n` },
        {
          text: `kubectl patch serviceaccount default --patch ${quote(JSON.stringify({ imagePullSecrets: [{ name: secretName }] }))}`,
        },
      ],
    },
    {
      id: "github",
      title: "GitHub Actions",
      lead: "Keep the token as the repository's secret REGISTRY_TOKEN; gh asks for it.",
      parts: [
        { text: "gh secret set REGISTRY_TOKEN" },
        { file: "workflow.yaml", text: githubSteps(host, registry) },
      ],
    },
    {
      id: "gitlab",
      title: "GitLab CI",
      lead: "Keep the token as the masked variable REGISTRY_TOKEN, under Settings, CI/CD, Variables.",
      parts: [{ file: ".gitlab-ci.yml", text: gitlabJob(host, registry) }],
    },
    {
      id: "containerd",
      title: "containerd and k3s",
      lead: "On every node, in /etc/rancher/k3s/registries.yaml; then restart k3s. nerdctl logs in as docker does.",
      parts: [
        { file: "registries.yaml", text: k3sRegistries(credential) },
        { text: `nerdctl login ${host} --username ${USER} --password-stdin` },
      ],
    },
    {
      id: "clients",
      title: "podman, skopeo, oras, helm",
      lead: "Each reads the token from its standard input: paste it, press Enter and Ctrl-D.",
      parts: [
        {
          text: `podman login ${isPlain ? "--tls-verify=false " : ""}${host} --username ${USER} --password-stdin`,
        },
        {
          text: `skopeo login ${isPlain ? "--tls-verify=false " : ""}${host} --username ${USER} --password-stdin`,
        },
        { text: `oras login ${isPlain ? "--plain-http " : ""}${host} --username ${USER} --password-stdin` },
        {
          text: `helm registry login ${isPlain ? "--plain-http " : ""}${host} --username ${USER} --password-stdin`,
        },
      ],
    },
    {
      id: "terraform",
      title: "Terraform and doctl",
      lead: "Save the token in the file token. Both read it from the environment and take this server for DigitalOcean.",
      parts: [
        {
          text: `export DIGITALOCEAN_ACCESS_TOKEN="$(cat token)" DIGITALOCEAN_TOKEN="$(cat token)" DIGITALOCEAN_API_URL=${origin}`,
        },
        { text: `doctl registries get ${registry}` },
        { file: "provider.tf", text: terraformProvider(origin, registry) },
      ],
    },
  ];
}

function dockerConfig({ host, secret }: Credential): string {
  return `${JSON.stringify({ auths: { [host]: { auth: btoa(`${USER}:${secret}`) } } }, null, 2)}\n`;
}

function kubernetesSecret(name: string, config: string): string {
  return `apiVersion: v1
kind: Secret
metadata:
  name: ${name}
type: kubernetes.io/dockerconfigjson
data:
  .dockerconfigjson: ${btoa(config)}
`;
}

function githubSteps(host: string, registry: string): string {
  return `- uses: docker/setup-buildx-action@v4
- uses: docker/login-action@v4
  with:
    registry: ${host}
    username: ${USER}
    password: \${{ secrets.REGISTRY_TOKEN }}
- uses: docker/build-push-action@v7
  with:
    push: true
    tags: ${host}/${registry}/app:\${{ github.sha }}
`;
}

function gitlabJob(host: string, registry: string): string {
  return `build:
  image: docker:cli
  services: [docker:dind]
  before_script:
    - echo "$REGISTRY_TOKEN" | docker login ${host} --username ${USER} --password-stdin
  script:
    - docker build --tag ${host}/${registry}/app:$CI_COMMIT_SHA .
    - docker push ${host}/${registry}/app:$CI_COMMIT_SHA
`;
}

function k3sRegistries({ host, secret, isPlain }: Credential): string {
  const mirror = isPlain ? `mirrors:\n  ${host}:\n    endpoint: ["http://${host}"]\n` : "";
  return `${mirror}configs:
  ${JSON.stringify(host)}:
    auth:
      username: ${USER}
      password: ${secret}
`;
}

function terraformProvider(origin: string, registry: string): string {
  return `provider "digitalocean" {
  api_endpoint = "${origin}"
}

data "digitalocean_container_registry" "${registry.replaceAll(/[^\w-]/g, "_")}" {
  name = "${registry}"
}
`;
}

/** Whether the server speaks HTTP without TLS, as far as this page knows. */
export function isPlainHttp(): boolean {
  return window.location.protocol === "http:";
}
