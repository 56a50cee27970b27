// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IQUIVerStaking} from "../src/interfaces/IQUIVerStaking.sol";
import {QUIVerChannels} from "../src/QUIVerChannels.sol";
import {QUIVerSettlement} from "../src/QUIVerSettlement.sol";
import {Receipt} from "../src/libraries/ReceiptHash.sol";
import {SettlementSetup} from "./support/SettlementSetup.sol";
import {StakingSetup} from "./support/StakingSetup.sol";
import {vm} from "./support/Vm.sol";

// Faults that a review found, each with what now stops it.

/// @dev Batches of receipts as a dishonest aggregator could build them.
contract ReviewSettlementBugTest is SettlementSetup {
    bytes32 private id;

    function setUp() public override {
        super.setUp();
        id = open(1_000 * QUIV);
        vm.prank(aggregator);
        settlement.bond(MINIMUM_BOND);
        vm.prank(other);
        settlement.bond(MINIMUM_BOND);
        vm.prank(provider);
        channels.setMandate(address(settlement), aggregator);
        collect(1, 100 * QUIV);
    }

    function collect(uint64 nonce, uint256 balance) private {
        (address[] memory providers, bytes[] memory items) = (new address[](1), new bytes[](1));
        (providers[0], items[0]) = (provider, pack(voucher(nonce, balance)));
        vm.prank(aggregator);
        settlement.collect(providers, items);
    }

    function submit(address to, bytes32 receiptsRoot, uint32 epoch) private {
        bytes32 root = settlement.payoutLeaf(to, epoch * QUIV);
        vm.prank(aggregator);
        settlement.submitBatch(QUIVerSettlement.Batch(root, receiptsRoot, uint96(epoch * QUIV), 2, epoch));
    }

    /// @dev Two receipts as the leaves of a batch, each with the index that the aggregator gave it.
    function submitPair(Receipt memory one, uint256 oneIndex, uint256 oneKey, Receipt memory two, uint256 twoIndex, uint256 twoKey)
        private
        returns (QUIVerSettlement.Evidence memory first, QUIVerSettlement.Evidence memory second)
    {
        (bytes memory bySigner, bytes memory byOther) = (signReceipt(oneKey, one), signReceipt(twoKey, two));
        bytes32[] memory leaves = new bytes32[](2);
        leaves[0] = settlement.receiptLeaf(oneIndex, settlement.receiptDigest(one), bySigner);
        leaves[1] = settlement.receiptLeaf(twoIndex, settlement.receiptDigest(two), byOther);
        submit(provider, rootOf(leaves), 1);
        first = QUIVerSettlement.Evidence(1, oneIndex, one, bySigner, proofOf(leaves, 0));
        second = QUIVerSettlement.Evidence(1, twoIndex, two, byOther, proofOf(leaves, 1));
    }

    /// The same leaf twice is one receipt, which anybody could name twice.
    function test_Bug13_one_leaf_is_no_duplicate_of_itself() public {
        Receipt memory one = receiptOf(provider, id, 7);
        Receipt memory two = receiptOf(provider, id, 8);
        (QUIVerSettlement.Evidence memory first,) = submitPair(one, 0, PROVIDER_KEY, two, 1, PROVIDER_KEY);
        vm.expectRevert(QUIVerSettlement.NotDuplicate.selector);
        settlement.proveDuplicate(aggregator, first, first);
    }

    /// An index is no position: a tree with sorted pairs can hold two leaves of index 0.
    function test_Bug13_duplicates_under_one_index_are_still_duplicates() public {
        Receipt memory one = receiptOf(provider, id, 7);
        Receipt memory two = receiptOf(provider, id, 7);
        two.tokensOut += 1;
        (QUIVerSettlement.Evidence memory first, QUIVerSettlement.Evidence memory second) =
            submitPair(one, 0, PROVIDER_KEY, two, 0, PROVIDER_KEY);
        settlement.proveDuplicate(aggregator, first, second);
        eq(settlement.ledgerOf(aggregator).bond, 0, "slashed");
    }

    /// Receipts that nobody pays for name no channel and nonce 0, all of them.
    function test_Bug13_two_unpaid_receipts_are_no_duplicate() public {
        Receipt memory one = receiptOf(provider, 0, 0);
        Receipt memory two = receiptOf(provider, 0, 0);
        two.requestId = bytes16(keccak256("another request"));
        (QUIVerSettlement.Evidence memory first, QUIVerSettlement.Evidence memory second) =
            submitPair(one, 0, PROVIDER_KEY, two, 1, PROVIDER_KEY);
        vm.expectRevert(QUIVerSettlement.NotDuplicate.selector);
        settlement.proveDuplicate(aggregator, first, second);
    }

    /// Anybody can sign a receipt that names somebody else's channel.
    function test_Bug13_another_providers_receipt_is_no_duplicate() public {
        Receipt memory one = receiptOf(provider, id, 7);
        Receipt memory two = receiptOf(other, id, 7);
        (QUIVerSettlement.Evidence memory first, QUIVerSettlement.Evidence memory second) =
            submitPair(one, 0, PROVIDER_KEY, two, 1, OTHER_KEY);
        vm.expectRevert(QUIVerSettlement.NotDuplicate.selector);
        settlement.proveDuplicate(aggregator, first, second);
    }

    /// A guardian that disables a thief's root must not have to do so for ever: the money must get to another.
    function test_a_disabled_aggregators_credit_can_be_taken_from_it() public {
        submit(aggregator, bytes32(uint256(1)), 1);
        vm.prank(guardian);
        settlement.disableRoot(aggregator, 1);
        // It tries again at once.
        bytes32 root = settlement.payoutLeaf(aggregator, 100 * QUIV);
        vm.prank(aggregator);
        vm.expectRevert(QUIVerSettlement.Suspended.selector);
        settlement.submitBatch(QUIVerSettlement.Batch(root, bytes32(uint256(1)), uint96(100 * QUIV), 2, 2));
        settlement.reassignCredit(aggregator, other);
        eq(settlement.ledgerOf(other).credit, 100 * QUIV, "the other's to settle");
        // With new credit it may go on: whether to give it a mandate again is for the providers.
        collect(2, 102 * QUIV);
        submit(provider, bytes32(uint256(1)), 2);
    }

    /// A suspension stays, whatever the aggregator collects, slashing or leaving included.
    function test_a_suspension_cannot_be_shaken_off() public {
        submit(aggregator, bytes32(uint256(1)), 1);
        vm.prank(guardian);
        settlement.disableRoot(aggregator, 1);
        collect(2, 120 * QUIV);
        vm.prank(aggregator);
        vm.expectRevert(abi.encodeWithSelector(QUIVerSettlement.CreditLeft.selector, 120 * QUIV));
        settlement.requestExit();
        bytes32 root = settlement.payoutLeaf(aggregator, QUIV);
        vm.prank(aggregator);
        vm.expectRevert(QUIVerSettlement.Suspended.selector);
        settlement.submitBatch(QUIVerSettlement.Batch(root, bytes32(uint256(1)), uint96(QUIV), 1, 2));
        eq(settlement.ledgerOf(aggregator).idleSince, 0, "as a reader sees it");
    }

    /// A pause stops the only way to get rid of credit, and credit stops the exit.
    function test_a_pause_does_not_hold_a_bond() public {
        vm.prank(guardian);
        settlement.pause();
        vm.prank(aggregator);
        settlement.requestExit();
        vm.warp(block.timestamp + settlement.EXIT_DELAY());
        vm.prank(aggregator);
        settlement.withdrawBond();
        eq(token.balanceOf(aggregator), 1_000_000 * QUIV, "bond is back");
        settlement.reassignCredit(aggregator, other);
        eq(settlement.ledgerOf(other).credit, 100 * QUIV, "what it left is another's to settle");
    }

    /// One provider of many must not stop the money of the others.
    function test_a_withdrawn_mandate_skips_its_provider_only() public {
        openTo(PAYER_KEY, other, address(0), 10 * QUIV);
        vm.prank(other);
        channels.setMandate(address(settlement), aggregator);
        (address[] memory providers, bytes[] memory items) = (new address[](2), new bytes[](2));
        (providers[0], items[0]) = (provider, pack(voucher(2, 120 * QUIV)));
        (providers[1], items[1]) = (other, pack(voucherBy(PAYER_KEY, PAYER_KEY, other, 1, QUIV)));
        // Seen in the pool of transactions, and overtaken.
        vm.prank(other);
        channels.setMandate(address(0), address(0));
        vm.expectEmit(address(channels));
        emit QUIVerChannels.ProviderSkipped(other);
        vm.prank(aggregator);
        eq(settlement.collect(providers, items), 20 * QUIV, "what the other provider's voucher adds");
    }
}

contract ReviewStakingBugTest is StakingSetup {
    /// The cap is counted in shares of whatever was staked then: a cheap report buys immunity for a large stake.
    function test_Bug11_a_report_on_a_small_stake_does_not_use_up_the_cap_of_a_large_one() public {
        stakeAs(alice, 1_000 * QUIV);
        // An accomplice of Alice's, who loses 50 QUIV by it all in all.
        bytes32 own = reportFailures(alice, 1, 20);
        stakeAs(alice, 1_000_000 * QUIV);
        vm.prank(carol);
        bytes32 honest = staking.proposeSlash(alice, IQUIVerStaking.Violation.Equivocation, digests(1, 2));
        skip(3 days);
        staking.executeSlash(alice, own);
        uint256 amount = staking.executeSlash(alice, honest);
        isTrue(amount >= 50_000 * QUIV, "five per cent of a million, whatever was reported before");
    }

    /// What was due for withdrawal long ago counts in a base and can leave all the same: a penalty that finds nothing
    /// left must use up nothing of the cap of what is staked afterwards.
    function test_Bug11_a_report_that_finds_nothing_left_does_not_use_up_the_cap() public {
        stakeAs(alice, 1_000_000 * QUIV);
        vm.startPrank(alice);
        staking.requestUnstake(1_000_000 * QUIV);
        skip(28 days);
        vm.stopPrank();
        bytes32 own = reportFailures(alice, 1, 20);
        uint256 epoch = block.timestamp / 7 days;
        vm.prank(alice);
        staking.withdraw();
        skip(3 days);
        eq(staking.executeSlash(alice, own), 0, "nothing is left");
        eq(staking.slashedInEpoch(alice, epoch), 0, "nothing is counted");
        stakeAs(alice, 1_000_000 * QUIV);
        bytes32 honest = reportPair(alice, 1);
        eq(block.timestamp / 7 days, epoch, "the same epoch");
        skip(3 days);
        eq(staking.executeSlash(alice, honest), 50_000 * QUIV, "in full");
    }

    /// The cap is ten per cent of the largest base that was reported in the epoch, in whatever order.
    function test_Bug11_small_and_large_reports_take_one_cap_together() public {
        stakeAs(alice, 1_000 * QUIV);
        bytes32 small = reportFailures(alice, 1, 20);
        stakeAs(alice, 999_000 * QUIV);
        bytes32 large = reportFailures(alice, 100, 20);
        bytes32 more = reportPair(alice, 1);
        skip(3 days);
        eq(staking.executeSlash(alice, small), 100 * QUIV, "ten per cent of a thousand");
        eq(staking.executeSlash(alice, large), 99_900 * QUIV, "the rest of ten per cent of a million");
        eq(staking.executeSlash(alice, more), 0, "nothing above the cap");
    }

    function test_Bug11_a_small_report_takes_nothing_after_a_large_one() public {
        stakeAs(alice, 1_000 * QUIV);
        bytes32 small = reportFailures(alice, 1, 1);
        stakeAs(alice, 999_000 * QUIV);
        bytes32 large = reportFailures(alice, 100, 1);
        skip(3 days);
        eq(staking.executeSlash(alice, large), 5_000 * QUIV, "half a per cent");
        eq(staking.executeSlash(alice, small), 0, "its own base's cap is passed already");
    }
}
