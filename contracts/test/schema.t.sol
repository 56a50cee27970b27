// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Receipt, ReceiptHash} from "../src/libraries/ReceiptHash.sol";
import {VoucherHash} from "../src/libraries/VoucherHash.sol";
import {SettlementSetup} from "./support/SettlementSetup.sol";
import {vm} from "./support/Vm.sol";

/// @dev What is signed and hashed, written a second time from EIP-712 and from OpenZeppelin's tree alone. That it is
/// also what the TypeScript side signs, test/contracts/settlement-schema.test.ts shows.
contract SchemaTest is SettlementSetup {
    function domain(address verifying) private view returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("quiver"),
                keccak256("1"),
                block.chainid,
                verifying
            )
        );
    }

    function digestOf(address verifying, bytes memory encoded) private view returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", domain(verifying), keccak256(encoded)));
    }

    function test_type_hashes() public pure {
        eq(
            VoucherHash.VOUCHER_TYPEHASH,
            keccak256("Voucher(bytes32 channelId,uint32 epoch,uint64 nonce,uint128 balance)"),
            "Voucher"
        );
        eq(VoucherHash.CLOSE_TYPEHASH, keccak256("Close(bytes32 channelId,uint32 epoch,uint128 balance)"), "Close");
        eq(
            VoucherHash.MANDATE_TYPEHASH,
            keccak256("Mandate(address provider,address collector,address agent,uint64 nonce,uint64 deadline)"),
            "Mandate"
        );
        eq(
            ReceiptHash.RECEIPT_TYPEHASH,
            0x020e0cbc7c77561216db05e3c10a09d9edde80897daaaa25863851caa8b30faf,
            "Receipt, as src/lib/records/receipt.ts has it"
        );
    }

    function testFuzz_Bug05_vouchers_closes_and_mandates_are_hashed_field_by_field(
        bytes32 id,
        uint32 epoch,
        uint64 nonce,
        uint128 balance,
        address[3] memory who,
        uint64 deadline
    ) public view {
        address here = address(channels);
        eq(
            channels.voucherDigest(id, epoch, nonce, balance),
            digestOf(
                here,
                bytes.concat(
                    VoucherHash.VOUCHER_TYPEHASH,
                    id,
                    bytes32(uint256(epoch)),
                    bytes32(uint256(nonce)),
                    bytes32(uint256(balance))
                )
            ),
            "voucher"
        );
        eq(
            channels.closeDigest(id, epoch, balance),
            digestOf(
                here,
                bytes.concat(VoucherHash.CLOSE_TYPEHASH, id, bytes32(uint256(epoch)), bytes32(uint256(balance)))
            ),
            "close"
        );
        bytes memory names;
        for (uint256 i = 0; i < 3; ++i) names = bytes.concat(names, bytes32(uint256(uint160(who[i]))));
        eq(
            channels.mandateDigest(who[0], who[1], who[2], nonce, deadline),
            digestOf(
                here,
                bytes.concat(
                    VoucherHash.MANDATE_TYPEHASH, names, bytes32(uint256(nonce)), bytes32(uint256(deadline))
                )
            ),
            "mandate"
        );
    }

    function encode(Receipt memory receipt) private pure returns (bytes memory) {
        return abi.encode(ReceiptHash.RECEIPT_TYPEHASH, receipt);
    }

    function testFuzz_Bug05_a_receipt_is_hashed_word_by_word(Receipt memory receipt) public view {
        bytes memory encoded = encode(receipt);
        eq(encoded.length, 31 * 32, "words");
        eq(settlement.receiptDigest(receipt), digestOf(address(settlement), encoded), "digest");
    }

    /// @dev Every field of a receipt is signed: a change in any of its words is another digest.
    function testFuzz_Bug05_every_field_of_a_receipt_is_signed(Receipt memory receipt, uint256 field) public view {
        field = between(field, 0, 29);
        bytes32 before = settlement.receiptDigest(receipt);
        // The lowest bit of a number, the highest of bytes: in its range for every type.
        bool left = field == 1;
        assembly {
            let at := add(receipt, mul(field, 0x20))
            mstore(at, xor(mload(at), shl(mul(255, left), 1)))
        }
        isTrue(settlement.receiptDigest(receipt) != before, "another digest");
    }

    function testFuzz_Bug07_a_receipt_names_chain_and_contract(Receipt memory receipt, uint32 chain) public {
        bytes32 here = settlement.receiptDigest(receipt);
        if (chain == block.chainid || chain == 0) return;
        vm.chainId(chain);
        bytes memory encoded = encode(receipt);
        eq(settlement.receiptDigest(receipt), digestOf(address(settlement), encoded), "recomputed after a fork");
        isTrue(settlement.receiptDigest(receipt) != here, "another digest on another chain");
        isTrue(digestOf(address(channels), encoded) != settlement.receiptDigest(receipt), "another contract");
    }

    function testFuzz_Bug02_leaves_are_hashed_twice_over_typed_words(
        address to,
        uint256 cumulative,
        uint256 index,
        bytes32 digest,
        bytes memory signature
    ) public view {
        bytes memory payout = bytes.concat(
            keccak256("quiver payout(bytes32 kind,address provider,uint256 cumulative)"),
            bytes32(uint256(uint160(to))),
            bytes32(cumulative)
        );
        eq(settlement.payoutLeaf(to, cumulative), keccak256(bytes.concat(keccak256(payout))), "payout");
        bytes memory receipt = bytes.concat(
            keccak256("quiver receipt(bytes32 kind,uint256 index,bytes32 digest,bytes32 signatureHash)"),
            bytes32(index),
            digest,
            keccak256(signature)
        );
        eq(settlement.receiptLeaf(index, digest, signature), keccak256(bytes.concat(keccak256(receipt))), "receipt");
    }
}
