//! Signatures made elsewhere, to test whether a host verifies them correctly. The keys were generated with OpenSSL 3
//! and discarded.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Algorithm, Curve, Material, PublicKey};

/// The signed text.
const TEXT: &[u8] = b"a known answer";

/// A valid signature.
#[derive(Clone, Debug)]
pub struct KnownAnswer {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// The key.
    pub key: PublicKey,
    /// The signed text.
    pub text: &'static [u8],
    /// The signature, as in a token.
    pub signature: Vec<u8>,
}

/// One known answer for each algorithm that a host may support.
pub fn known_answers() -> Vec<KnownAnswer> {
    let rsa = |algorithm, signature| {
        let material = Material::Rsa { modulus: decode(MODULUS)?, exponent: vec![1, 0, 1] };
        answer(algorithm, material, signature)
    };
    let ec = |curve: Curve, point, signature| {
        let material = Material::Ec { curve, point: decode(point)? };
        answer(curve.algorithm(), material, signature)
    };
    [
        rsa(Algorithm::Rs256, RS256),
        rsa(Algorithm::Rs384, RS384),
        rsa(Algorithm::Rs512, RS512),
        ec(Curve::P256, P256, ES256),
        ec(Curve::P384, P384, ES384),
        ec(Curve::P521, P521, ES512),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn answer(algorithm: Algorithm, material: Material, signature: &str) -> Option<KnownAnswer> {
    Some(KnownAnswer { algorithm, key: PublicKey::new(material)?, text: TEXT, signature: decode(signature)? })
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

const MODULUS: &str = "uaN8bzdBef2to92tLGrTm2GVZl3SzEVV2N7cH2YPXA7xJaBNIAi-k-786gn-dG8ylh-vB8pky4LIM9Un-Q5GuSLwPxT5LVJwkqgD43Xj\
AomfGu4AwpwU5jRoedDmOU3Knb_fi6VTH-7mLb_9YvAAURq66qsnWu-u79EplOsJunLagulXe65RGd78BMRdki3fSHZrXffGsMd8ft0t\
aq2J9Aoa3_55N0ewNnzWejX34N2reeh-iCzQ-1KEh0rK-4xZ57l8E6hMGK0rmshWWG7586nN89mstLGZBwR6IgKiUFWpEtsc5CA1fT6p\
vIelWWxE42ZdzewU4vrw-LLoLVcjbw";
const RS256: &str = "RxLI83-JB6Oi7vz8YnipHldcZxd1U1wkFCZnl5DzpeJ5QOa4sTnggYCrNJs7Jg-gwdZFgNOm2P_oucdsNG3ASblM2gMYpMlnCzBY88P_\
iSVkjkYLyhxrRqu83UyAxP5Y4eKV_bN1lJYrdTheimuClA_UZqyNUA_dZCmR2R2PF-_dtyc4GsdvXzlbijO1kOImhPbp3NnP9pFPECqk\
vMOxeR3snvoyJzDBz3DOmnBFuKYyWdhBTCS1QXT-UbyoQY3iVX-KJZy3LwtgCo2w0mTROrvSmV8ecmSTqqjDv6TJADN9nUBMzKSEZGfQ\
iJ48dI9Iz3k6ZB8pM6rtly3a_KnYrg";
const RS384: &str = "eswf6HfKv4i_E1mkLhtPOA6ikXH7EP0o8NdP143C2pwffxGTcbZ15KmQwdSGPUMzcqjl9_Utsb73MA28hYIGUcg-p7ctQAHAJhJ2lgDg\
fIdt_-qZs5eVDhcT8laQFojkEilZiEWYsSblw1lodufNMIswgCZpZy0oF6LO4fzsUAXfzkq9wdN9am7B3jV3Bjm4reCtCMBkmIKyWfBn\
4JK2I_VV6BMu_5adczA8SZSSIIS_EC-b3IkuYFC298nvYOwuG3ymQkkQAC9uwCoh2nGom0F4-lw-FB-HRL0IK9a7g4co_TtHzckR-Ye1\
F81sDiwA__kW_zHUfU0zpZXymdntPg";
const RS512: &str = "qcpGGcbtYNozk1ToJaTB-KIK_RbU7lVMX9_lgg8wjDBmbq7xvoQBA14bUz_HJgsTlqDuQnqNie8GhrmBvq729Y_-tIK9aPSoIdYg9hrT\
k9Jd3Jcojkqy5B6YS5L-889Oc95-xFu0U51SkHYBGt7tHkjPv_kZuA1231eagCWXaLejLRmvS6_4PlAuGjIBWvCFXi6GFX1hhrAv52jw\
JJTDteenG-_MrIdp0hU7GfV1-dttyMuMuHSCgG7g5z2S8IDJ7hTVf8RXEb42G6s6Ejer7rM-Zbbt3Ar7aIV521ulgWb7sV0kTF7IvYvS\
A7sfSNnBbmcu3JX-AZe5OgF9hc7J2g";
const P256: &str = "BLehvXMDPo4mpJf8Mcpz0plEpCtvZl-0xOYBPbyiO046R0HbHVyGrdHdin_UqfEFpc0Vg7HuK--duHCAPbNtPBQ";
const ES256: &str = "ybuHMmmVcK4BUqaUUOX3y6UMF2vX21gnccWP2OW5ThIT0BWwVFS-engffqfdOD3vZF09Y-9-xOmjyXMjnkZ6RQ";
const P384: &str = "BKQ8HsjYt0nR9oJiQOYng8ZFjqWBbAQlqglgi4JfaQKp6MsFACVpu7Dk6-wqcKBjZrvwA20UgTxT5Jqf03WOCbOJSHpaNnhjKtX8RDQf\
NxeWhIv7svKHSxSknngRfh9dOQ";
const ES384: &str = "hqO7WyXhJsTmJyCHWOhlgfuGjmbr2gd7EqRkJMKPmLfO7NogO8UGMLoCrJLuX4M3iIm3WLPfUbt6mhTrZtVIK3GCr3_nv4g1KkJ1KgHK\
erSdgpbCXy085oUlBjWvntyz";
const P521: &str = "BAADUQgo-dpLIUS-s8EIPaq8VbGFjotgqY9nTAlxXH5DyX4iS5jJzZIEMJ_AEDTFuID3WCPLi6L0vWhdfPrK9mKvegB4EB9XWSbGYu7l\
cbT2V7r8w8Sx9fKE9PV6q14NjBNU3n30cLo0WNbjN6hGmlX3l_zGxc27D7AbUwSoT68FBy__lQ";
const ES512: &str = "AfB0WV0eaB-uCA0RA5Ls4izutKKoQleBfZsCYQcF4SJlEpmqysyu2-g5Z46OWYv_g5iduoOxHKWGpNINI3fQYjwhAEf3N1rWG1GSG3zS\
-TT5MMgq6QJs7bZiGUnz9_nzNkMWgZx8rkPgVr0keRVvQsQpby0VDyJqdknTVqmhEdBLKmoD";
