// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

import {QUIVToken} from "../src/QUIVToken.sol";
import {QUIVerChannels} from "../src/QUIVerChannels.sol";
import {QUIVerSettlement} from "../src/QUIVerSettlement.sol";
import {Receipt} from "../src/libraries/ReceiptHash.sol";
import {SettlementSetup} from "./support/SettlementSetup.sol";
import {vm} from "./support/Vm.sol";

/// @dev An aggregator with a bond and one provider's mandate, whose channel holds 1,000 QUIV.
abstract contract BatchSetup is SettlementSetup {
    bytes32 internal constant SOME_ROOT = keccak256("receipts");
    bytes32 internal id;
    uint64 internal nextNonce = 1;
    uint256 internal signed;

    function setUp() public virtual override {
        super.setUp();
        id = open(1_000 * QUIV);
        bond(aggregator, MINIMUM_BOND);
        vm.prank(provider);
        channels.setMandate(address(settlement), aggregator);
    }

    function bond(address account, uint256 amount) internal {
        vm.prank(account);
        settlement.bond(uint96(amount));
    }

    function collect(uint256 amount) internal {
        signed += amount;
        collectWith(aggregator, voucher(nextNonce++, signed));
    }

    function collectWith(address sender, Signed memory voucher_) internal {
        (address[] memory providers, bytes[] memory items) = (new address[](1), new bytes[](1));
        (providers[0], items[0]) = (voucher_.provider, pack(voucher_));
        vm.prank(sender);
        settlement.collect(providers, items);
    }

    function ledger() internal view returns (QUIVerSettlement.LedgerView memory) {
        return settlement.ledgerOf(aggregator);
    }

    function batch(bytes32 root, uint256 total, uint32 epoch) internal pure returns (QUIVerSettlement.Batch memory) {
        return QUIVerSettlement.Batch(root, SOME_ROOT, uint96(total), 1, epoch);
    }

    function submitBy(address account, QUIVerSettlement.Batch memory it) internal {
        vm.prank(account);
        settlement.submitBatch(it);
    }

    function submit(QUIVerSettlement.Batch memory it) internal {
        submitBy(aggregator, it);
    }

    /// @dev A batch whose tree has one leaf: all to one provider.
    function submitFor(address to, uint256 cumulative, uint32 epoch) internal {
        submit(batch(settlement.payoutLeaf(to, cumulative), cumulative, epoch));
    }

    function activate() internal {
        vm.warp(this.time() + ACTIVATION_DELAY);
    }

    /// @dev By a call, since the optimiser may read the time once for a whole function.
    function time() public view returns (uint256) {
        return block.timestamp;
    }

    function claim(address to, uint256 cumulative, bytes32[] memory proof) internal {
        settlement.claimCumulative(aggregator, to, cumulative, proof);
    }

    function claim(address to, uint256 cumulative) internal {
        claim(to, cumulative, new bytes32[](0));
    }

    function gained(address account) internal view returns (uint256) {
        return token.balanceOf(account) - 1_000_000 * QUIV;
    }
}

contract SettlementBondTest is BatchSetup {
    function test_constructor_checks_what_it_is_given() public {
        vm.expectRevert(QUIVerSettlement.ZeroAddress.selector);
        new QUIVerSettlement(IERC20(address(0)), channels, address(manager), 1, 1 hours);
        vm.expectRevert(QUIVerSettlement.ZeroAddress.selector);
        new QUIVerSettlement(token, channels, address(0), 1, 1 hours);
        QUIVToken second = new QUIVToken(address(this));
        vm.expectRevert(abi.encodeWithSelector(QUIVerSettlement.OtherToken.selector, address(token)));
        new QUIVerSettlement(second, channels, address(manager), 1, 1 hours);
        vm.expectRevert(QUIVerSettlement.ZeroAmount.selector);
        new QUIVerSettlement(token, channels, address(manager), 0, 1 hours);
        vm.expectRevert(abi.encodeWithSelector(QUIVerSettlement.DelayOutOfRange.selector, 59));
        new QUIVerSettlement(token, channels, address(manager), 1, 59);
        vm.expectRevert(abi.encodeWithSelector(QUIVerSettlement.DelayOutOfRange.selector, 3 days + 1));
        new QUIVerSettlement(token, channels, address(manager), 1, 3 days + 1);
    }

    function test_a_bond_grows() public {
        vm.expectEmit(address(settlement));
        emit QUIVerSettlement.Bonded(aggregator, MINIMUM_BOND + QUIV);
        bond(aggregator, QUIV);
        eq(ledger().bond, MINIMUM_BOND + QUIV, "bond");
        vm.prank(aggregator);
        vm.expectRevert(QUIVerSettlement.ZeroAmount.selector);
        settlement.bond(0);
    }

    function test_nothing_without_a_bond() public {
        bond(other, MINIMUM_BOND - 1);
        bytes memory expected =
            abi.encodeWithSelector(QUIVerSettlement.NotBonded.selector, MINIMUM_BOND - 1, MINIMUM_BOND);
        vm.prank(other);
        vm.expectRevert(expected);
        settlement.submitBatch(batch(SOME_ROOT, 1, 1));
        vm.prank(other);
        vm.expectRevert(expected);
        settlement.collect(new address[](0), new bytes[](0));
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(QUIVerSettlement.NotBonded.selector, 0, MINIMUM_BOND));
        settlement.requestExit();
    }

    function test_a_bond_leaves_after_a_week() public {
        vm.expectEmit(address(settlement));
        emit QUIVerSettlement.ExitRequested(aggregator, START + 7 days);
        vm.prank(aggregator);
        settlement.requestExit();
        vm.prank(aggregator);
        vm.expectRevert(abi.encodeWithSelector(QUIVerSettlement.Leaving.selector, START + 7 days));
        settlement.requestExit();
        vm.prank(aggregator);
        vm.expectRevert(abi.encodeWithSelector(QUIVerSettlement.Leaving.selector, START + 7 days));
        settlement.submitBatch(batch(SOME_ROOT, 1, 1));
        vm.warp(START + 7 days - 1);
        vm.prank(aggregator);
        vm.expectRevert(abi.encodeWithSelector(QUIVerSettlement.TooEarly.selector, START + 7 days));
        settlement.withdrawBond();
        vm.warp(START + 7 days);
        vm.expectEmit(address(settlement));
        emit QUIVerSettlement.BondWithdrawn(aggregator, MINIMUM_BOND);
        vm.prank(aggregator);
        settlement.withdrawBond();
        eq(token.balanceOf(aggregator), 1_000_000 * QUIV, "all back");
        vm.prank(aggregator);
        vm.expectRevert(QUIVerSettlement.NotLeaving.selector);
        settlement.withdrawBond();
        bond(aggregator, MINIMUM_BOND);
        collect(QUIV);
    }

    function test_an_exit_can_be_taken_back() public {
        vm.prank(aggregator);
        vm.expectRevert(QUIVerSettlement.NotLeaving.selector);
        settlement.cancelExit();
        vm.prank(aggregator);
        settlement.requestExit();
        vm.expectEmit(address(settlement));
        emit QUIVerSettlement.ExitCancelled(aggregator);
        vm.prank(aggregator);
        settlement.cancelExit();
        collect(QUIV);
    }

    function test_nobody_leaves_with_money_to_settle() public {
        collect(QUIV);
        vm.prank(aggregator);
        vm.expectRevert(abi.encodeWithSelector(QUIVerSettlement.CreditLeft.selector, QUIV));
        settlement.requestExit();
    }

    function test_pausing_stops_bonds_collecting_and_batches_alone() public {
        collect(3 * QUIV);
        submitFor(provider, 2 * QUIV, 1);
        vm.prank(guardian);
        settlement.pause();
        vm.prank(aggregator);
        vm.expectRevert(Pausable.EnforcedPause.selector);
        settlement.bond(1);
        vm.prank(aggregator);
        vm.expectRevert(Pausable.EnforcedPause.selector);
        settlement.submitBatch(batch(SOME_ROOT, 3 * QUIV, 2));
        vm.prank(aggregator);
        vm.expectRevert(Pausable.EnforcedPause.selector);
        settlement.collect(new address[](0), new bytes[](0));
        activate();
        claim(provider, 2 * QUIV);
        eq(gained(provider), 2 * QUIV, "paid while paused");
        vm.prank(guardian);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, guardian));
        settlement.unpause();
        settlement.unpause();
        submitFor(provider, 3 * QUIV, 2);
        vm.prank(guardian);
        settlement.pause();
        vm.prank(guardian);
        settlement.disableRoot(aggregator, 2);
    }

    function test_exits_go_on_while_paused() public {
        vm.prank(guardian);
        settlement.pause();
        vm.prank(aggregator);
        settlement.requestExit();
        vm.warp(START + 7 days);
        vm.prank(aggregator);
        settlement.withdrawBond();
        eq(token.balanceOf(aggregator), 1_000_000 * QUIV, "all back");
    }

    function test_only_roles_govern() public {
        bytes memory expected = abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, stranger);
        vm.startPrank(stranger);
        vm.expectRevert(expected);
        settlement.pause();
        vm.expectRevert(expected);
        settlement.unpause();
        vm.expectRevert(expected);
        settlement.disableRoot(aggregator, 1);
        vm.expectRevert(expected);
        settlement.reassignCredit(aggregator, stranger);
        vm.stopPrank();
    }
}

contract SettlementBatchTest is BatchSetup {
    function test_what_is_collected_is_credit() public {
        vm.expectEmit(address(settlement));
        emit QUIVerSettlement.Collected(aggregator, 10 * QUIV);
        collect(10 * QUIV);
        eq(ledger().credit, 10 * QUIV, "credit");
        eq(ledger().idleSince, START, "idleSince");
        eq(token.balanceOf(address(settlement)), MINIMUM_BOND + 10 * QUIV, "balance");
        eq(channel(id).settled, 10 * QUIV, "settled");
        vm.warp(START + 5);
        collect(QUIV);
        eq(ledger().idleSince, START, "still since the first");
    }

    /// @dev Another bonded aggregator cannot use a voucher that was handed to this one.
    function test_Bug06_only_the_mandated_aggregator_collects() public {
        bond(other, MINIMUM_BOND);
        Signed memory mine = voucher(1, QUIV);
        (address[] memory providers, bytes[] memory items) = (new address[](1), new bytes[](1));
        (providers[0], items[0]) = (provider, pack(mine));
        vm.prank(other);
        // A provider without a mandate is passed over, so that one that withdraws it stops nobody else.
        vm.expectRevert(QUIVerChannels.NothingToRedeem.selector);
        settlement.collect(providers, items);
    }

    function test_the_whole_way_from_voucher_to_claim() public {
        collect(10 * QUIV);
        bytes32[] memory leaves = new bytes32[](3);
        leaves[0] = settlement.payoutLeaf(provider, 6 * QUIV);
        leaves[1] = settlement.payoutLeaf(other, 3 * QUIV);
        leaves[2] = settlement.payoutLeaf(address(0xFEE), QUIV);
        bytes32 root = rootOf(leaves);
        vm.expectEmit(address(settlement));
        emit QUIVerSettlement.BatchSubmitted(
            aggregator, 1, root, SOME_ROOT, 10 * QUIV, 1, START + ACTIVATION_DELAY
        );
        submit(batch(root, 10 * QUIV, 1));
        QUIVerSettlement.LedgerView memory it = ledger();
        eq(it.total, 0, "total while it waits");
        eq(it.waiting, 10 * QUIV, "waiting");
        eq(it.credit, 0, "credit");
        eq(it.epoch, 1, "epoch");
        eq(it.waitingRoot, root, "waitingRoot");
        eq(it.liveRoot, bytes32(0), "liveRoot");
        bytes32[] memory proof = proofOf(leaves, 0);
        vm.warp(START + ACTIVATION_DELAY - 1);
        vm.expectRevert(QUIVerSettlement.InvalidProof.selector);
        claim(provider, 6 * QUIV, proof);
        vm.warp(START + ACTIVATION_DELAY);
        it = ledger();
        eq(it.total, 10 * QUIV, "total");
        eq(it.waiting, 0, "waiting");
        eq(it.liveRoot, root, "liveRoot");
        eq(it.waitingRoot, bytes32(0), "waitingRoot");
        vm.expectEmit(address(settlement));
        emit QUIVerSettlement.Claimed(aggregator, provider, 6 * QUIV);
        vm.prank(stranger);
        claim(provider, 6 * QUIV, proof);
        claim(other, 3 * QUIV, proofOf(leaves, 1));
        claim(address(0xFEE), QUIV, proofOf(leaves, 2));
        eq(gained(provider), 6 * QUIV, "provider");
        eq(gained(other), 3 * QUIV, "other");
        eq(token.balanceOf(address(0xFEE)), QUIV, "third");
        eq(ledger().paid, 10 * QUIV, "paid");
        eq(token.balanceOf(address(settlement)), MINIMUM_BOND, "only the bond is left");
    }

    function test_cumulative_leaves_pay_what_is_new() public {
        collect(10 * QUIV);
        submitFor(provider, 4 * QUIV, 1);
        activate();
        claim(provider, 4 * QUIV);
        submitFor(provider, 9 * QUIV, 2);
        vm.expectRevert(QUIVerSettlement.NothingToClaim.selector);
        claim(provider, 4 * QUIV);
        activate();
        vm.expectRevert(QUIVerSettlement.InvalidProof.selector);
        claim(provider, 4 * QUIV);
        claim(provider, 9 * QUIV);
        eq(gained(provider), 9 * QUIV, "paid");
        eq(settlement.claimed(aggregator, provider), 9 * QUIV, "claimed");
        vm.expectRevert(QUIVerSettlement.NothingToClaim.selector);
        claim(provider, 9 * QUIV);
    }

    function test_a_live_root_pays_while_the_next_one_waits() public {
        collect(10 * QUIV);
        submitFor(provider, 4 * QUIV, 1);
        activate();
        submitFor(provider, 9 * QUIV, 2);
        claim(provider, 4 * QUIV);
        eq(gained(provider), 4 * QUIV, "of the live root");
    }

    function test_batches_follow_one_another() public {
        collect(10 * QUIV);
        submitFor(provider, QUIV, 1);
        vm.prank(aggregator);
        vm.expectRevert(abi.encodeWithSelector(QUIVerSettlement.BatchWaiting.selector, START + ACTIVATION_DELAY));
        settlement.submitBatch(batch(SOME_ROOT, 2 * QUIV, 2));
        activate();
        for (uint32 epoch = 0; epoch < 4; ++epoch) {
            if (epoch == 2) continue;
            vm.prank(aggregator);
            vm.expectRevert(abi.encodeWithSelector(QUIVerSettlement.WrongEpoch.selector, 2));
            settlement.submitBatch(batch(SOME_ROOT, 2 * QUIV, epoch));
        }
        vm.prank(aggregator);
        vm.expectRevert(abi.encodeWithSelector(QUIVerSettlement.TotalNotRising.selector, QUIV));
        settlement.submitBatch(batch(SOME_ROOT, QUIV, 2));
        submitFor(provider, 2 * QUIV, 2);
    }

    function test_empty_batches_are_refused() public {
        collect(QUIV);
        QUIVerSettlement.Batch memory it = batch(SOME_ROOT, QUIV, 1);
        it.merkleRoot = 0;
        expectEmpty(it);
        it = batch(SOME_ROOT, QUIV, 1);
        it.receiptsRoot = 0;
        expectEmpty(it);
        it = batch(SOME_ROOT, QUIV, 1);
        it.receiptCount = 0;
        expectEmpty(it);
    }

    function expectEmpty(QUIVerSettlement.Batch memory it) private {
        vm.prank(aggregator);
        vm.expectRevert(QUIVerSettlement.EmptyBatch.selector);
        settlement.submitBatch(it);
    }

    function test_disabling_a_waiting_root_gives_its_money_back_to_the_ledger() public {
        collect(10 * QUIV);
        submitFor(provider, 4 * QUIV, 1);
        activate();
        submitFor(stranger, 10 * QUIV, 2);
        vm.expectEmit(address(settlement));
        emit QUIVerSettlement.RootDisabled(aggregator, 2, 6 * QUIV);
        vm.prank(guardian);
        settlement.disableRoot(aggregator, 2);
        QUIVerSettlement.LedgerView memory it = ledger();
        eq(it.credit, 6 * QUIV, "credit");
        eq(it.total, 4 * QUIV, "total");
        eq(it.waiting, 0, "waiting");
        activate();
        vm.expectRevert(QUIVerSettlement.InvalidProof.selector);
        claim(stranger, 10 * QUIV);
        claim(provider, 4 * QUIV);
        // Whose root was disabled settles again only when the timelock lets it.
        settlement.reassignCredit(aggregator, aggregator);
        submitFor(provider, 10 * QUIV, 3);
        activate();
        claim(provider, 10 * QUIV);
        eq(gained(provider), 10 * QUIV, "by the corrected batch");
    }

    function test_only_the_waiting_root_can_be_disabled() public {
        bytes memory expected = abi.encodeWithSelector(QUIVerSettlement.NotWaiting.selector, aggregator, 1);
        vm.startPrank(guardian);
        vm.expectRevert(expected);
        settlement.disableRoot(aggregator, 1);
        vm.stopPrank();
        collect(QUIV);
        submitFor(provider, QUIV, 1);
        vm.prank(guardian);
        vm.expectRevert(abi.encodeWithSelector(QUIVerSettlement.NotWaiting.selector, aggregator, 2));
        settlement.disableRoot(aggregator, 2);
        activate();
        vm.prank(guardian);
        vm.expectRevert(expected);
        settlement.disableRoot(aggregator, 1);
        claim(provider, QUIV);
        vm.prank(guardian);
        vm.expectRevert(expected);
        settlement.disableRoot(aggregator, 1);
    }

    function test_idle_credit_is_settled_by_another() public {
        bond(other, MINIMUM_BOND);
        collect(5 * QUIV);
        vm.warp(START + 30 days - 1);
        vm.expectRevert(abi.encodeWithSelector(QUIVerSettlement.CreditInUse.selector, aggregator));
        settlement.reassignCredit(aggregator, other);
        vm.warp(START + 30 days);
        vm.expectRevert(abi.encodeWithSelector(QUIVerSettlement.NotBonded.selector, 0, MINIMUM_BOND));
        settlement.reassignCredit(aggregator, stranger);
        vm.expectEmit(address(settlement));
        emit QUIVerSettlement.CreditReassigned(aggregator, other, 5 * QUIV);
        settlement.reassignCredit(aggregator, other);
        eq(ledger().credit, 0, "from");
        eq(settlement.ledgerOf(other).credit, 5 * QUIV, "to");
        eq(settlement.ledgerOf(other).idleSince, START + 30 days, "idleSince");
        vm.expectRevert(QUIVerSettlement.ZeroAmount.selector);
        settlement.reassignCredit(aggregator, other);
        submitBy(other, batch(settlement.payoutLeaf(provider, 5 * QUIV), 5 * QUIV, 1));
        collect(2 * QUIV);
        vm.warp(START + 61 days);
        settlement.reassignCredit(aggregator, other);
        eq(settlement.ledgerOf(other).credit, 2 * QUIV, "added");
    }

    function test_reassigned_credit_adds_to_what_is_there() public {
        bond(other, MINIMUM_BOND);
        collect(5 * QUIV);
        vm.prank(provider);
        channels.setMandate(address(settlement), other);
        vm.warp(START + 1 days);
        signed += QUIV;
        collectWith(other, voucher(nextNonce++, signed));
        vm.warp(START + 40 days);
        settlement.reassignCredit(aggregator, other);
        eq(settlement.ledgerOf(other).credit, 6 * QUIV, "credit");
        eq(settlement.ledgerOf(other).idleSince, START + 1 days, "idleSince");
    }

    // Bug classes

    function leavesOf(uint256 count) private view returns (bytes32[] memory leaves, uint256 total) {
        leaves = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            uint256 amount = (i + 1) * QUIV;
            leaves[i] = settlement.payoutLeaf(address(uint160(0x1000 + i)), amount);
            total += amount;
        }
    }

    /// @dev No inner node, taken as what a leaf is made of, proves anything.
    function test_Bug01_no_inner_node_is_a_leaf() public {
        (bytes32[] memory leaves, uint256 total) = leavesOf(8);
        collect(total);
        submit(batch(rootOf(leaves), total, 1));
        activate();
        bytes32[] memory level = leaves;
        while (level.length > 1) {
            for (uint256 i = 0; i + 1 < level.length; i += 2) {
                // The 64 bytes below an inner node, read as provider and amount, and every shorter proof.
                address asProvider = address(uint160(uint256(level[i])));
                for (uint256 length = 0; length < 4; ++length) {
                    bytes32[] memory proof = cut(proofOf(leaves, i), length);
                    vm.expectRevert(QUIVerSettlement.InvalidProof.selector);
                    claim(asProvider, uint256(level[i + 1]), proof);
                }
            }
            bytes32[] memory next = new bytes32[](level.length / 2);
            for (uint256 i = 0; i < next.length; ++i) next[i] = parent(level[2 * i], level[2 * i + 1]);
            level = next;
        }
        for (uint256 i = 0; i < 8; ++i) claim(address(uint160(0x1000 + i)), (i + 1) * QUIV, proofOf(leaves, i));
    }

    function cut(bytes32[] memory proof, uint256 length) private pure returns (bytes32[] memory) {
        bytes32[] memory shorter = new bytes32[](length < proof.length ? length : proof.length);
        for (uint256 i = 0; i < shorter.length; ++i) shorter[i] = proof[i];
        return shorter;
    }

    function test_Bug01_a_proof_of_another_length_proves_nothing() public {
        (bytes32[] memory leaves, uint256 total) = leavesOf(5);
        collect(total);
        submit(batch(rootOf(leaves), total, 1));
        activate();
        bytes32[] memory proof = proofOf(leaves, 2);
        bytes32[] memory longer = new bytes32[](proof.length + 1);
        for (uint256 i = 0; i < proof.length; ++i) longer[i] = proof[i];
        address third = address(0x1002);
        vm.expectRevert(QUIVerSettlement.InvalidProof.selector);
        claim(third, 3 * QUIV, longer);
        vm.expectRevert(QUIVerSettlement.InvalidProof.selector);
        claim(third, 3 * QUIV, cut(proof, proof.length - 1));
        vm.expectRevert(QUIVerSettlement.InvalidProof.selector);
        claim(third, 3 * QUIV, new bytes32[](0));
        claim(third, 3 * QUIV, proof);
    }

    /// @dev The two trees' leaves are of different kinds, so that one tree is never read as the other.
    function test_Bug01_a_receipts_leaf_pays_nobody() public {
        Receipt memory receipt = receiptOf(provider, id, 1);
        bytes memory signature = signReceipt(PROVIDER_KEY, receipt);
        bytes32 digest = settlement.receiptDigest(receipt);
        collect(QUIV);
        submit(batch(settlement.receiptLeaf(uint160(provider), digest, signature), QUIV, 1));
        activate();
        vm.expectRevert(QUIVerSettlement.InvalidProof.selector);
        claim(provider, uint256(digest));
    }

    function test_Bug01_nothing_is_claimed_before_there_is_a_root() public {
        vm.expectRevert(QUIVerSettlement.InvalidProof.selector);
        claim(provider, QUIV);
        vm.expectRevert(QUIVerSettlement.InvalidProof.selector);
        claim(address(0), 0);
    }

    /// @dev Two leaves for one provider in one tree: the larger counts, they don't add up.
    function test_Bug03_two_leaves_of_one_provider_pay_the_larger() public {
        bytes32[] memory leaves = new bytes32[](2);
        leaves[0] = settlement.payoutLeaf(provider, 4 * QUIV);
        leaves[1] = settlement.payoutLeaf(provider, 6 * QUIV);
        collect(10 * QUIV);
        submit(batch(rootOf(leaves), 10 * QUIV, 1));
        activate();
        claim(provider, 4 * QUIV, proofOf(leaves, 0));
        claim(provider, 6 * QUIV, proofOf(leaves, 1));
        vm.expectRevert(QUIVerSettlement.NothingToClaim.selector);
        claim(provider, 4 * QUIV, proofOf(leaves, 0));
        eq(gained(provider), 6 * QUIV, "paid");
    }

    function test_Bug04_a_batch_needs_its_money_first() public {
        collect(5 * QUIV);
        vm.prank(aggregator);
        vm.expectRevert(abi.encodeWithSelector(QUIVerSettlement.InsufficientCredit.selector, 5 * QUIV, 5 * QUIV + 1));
        settlement.submitBatch(batch(SOME_ROOT, 5 * QUIV + 1, 1));
        // Money that somebody sends is nobody's credit.
        token.transfer(address(settlement), 100 * QUIV);
        vm.prank(aggregator);
        vm.expectRevert(abi.encodeWithSelector(QUIVerSettlement.InsufficientCredit.selector, 5 * QUIV, 6 * QUIV));
        settlement.submitBatch(batch(SOME_ROOT, 6 * QUIV, 1));
    }

    /// @dev The root promises 100 for the 5 that the aggregator has; another's 50 stay untouched.
    function test_Bug04_a_false_root_pays_no_more_than_its_own_ledger_has() public {
        bond(other, MINIMUM_BOND);
        bytes32 second = openTo(OTHER_KEY, stranger, address(0), 50 * QUIV);
        vm.prank(stranger);
        channels.setMandate(address(settlement), other);
        collectWith(other, voucherBy(OTHER_KEY, OTHER_KEY, stranger, 1, 50 * QUIV));
        eq(channel(second).settled, 50 * QUIV, "collected by the other");
        collect(5 * QUIV);
        submit(batch(settlement.payoutLeaf(address(0xBAD), 100 * QUIV), 5 * QUIV, 1));
        activate();
        claim(address(0xBAD), 100 * QUIV);
        eq(token.balanceOf(address(0xBAD)), 5 * QUIV, "at most its own");
        vm.expectRevert(QUIVerSettlement.NothingToClaim.selector);
        claim(address(0xBAD), 100 * QUIV);
        submitBy(other, batch(settlement.payoutLeaf(stranger, 50 * QUIV), 50 * QUIV, 1));
        activate();
        settlement.claimCumulative(other, stranger, 50 * QUIV, new bytes32[](0));
        eq(token.balanceOf(stranger), 50 * QUIV, "the other ledger pays in full");
    }

    /// @dev A live root that sums to too much cannot reach what waits behind it, which may still be disabled.
    function test_Bug04_a_false_live_root_does_not_reach_the_waiting_money() public {
        collect(10 * QUIV);
        submit(batch(settlement.payoutLeaf(address(0xBAD), 100 * QUIV), 4 * QUIV, 1));
        activate();
        submitFor(provider, 10 * QUIV, 2);
        claim(address(0xBAD), 100 * QUIV);
        eq(token.balanceOf(address(0xBAD)), 4 * QUIV, "at most the live total");
        vm.prank(guardian);
        settlement.disableRoot(aggregator, 2);
        eq(ledger().credit, 6 * QUIV, "credit");
        eq(token.balanceOf(address(settlement)), MINIMUM_BOND + 6 * QUIV, "covered");
    }

    /// @dev A new root does not forget what the old one paid.
    function test_Bug04_a_swapped_root_still_counts_what_was_paid() public {
        collect(10 * QUIV);
        submitFor(provider, 6 * QUIV, 1);
        activate();
        claim(provider, 6 * QUIV);
        submitFor(provider, 8 * QUIV, 2);
        activate();
        claim(provider, 8 * QUIV);
        eq(gained(provider), 8 * QUIV, "paid");
    }

    function testFuzz_claims_never_exceed_batches(uint96[4] memory amounts, uint96[4] memory leavesSay) public {
        uint256 total;
        uint256 told;
        for (uint32 i = 0; i < 4; ++i) {
            uint256 amount = between(amounts[i], 1, 200 * QUIV);
            total += amount;
            told += between(leavesSay[i], 0, 300 * QUIV);
            collect(amount);
            submit(batch(settlement.payoutLeaf(provider, told), total, i + 1));
            activate();
            uint256 before = gained(provider);
            uint256 expected = told < total ? told : total;
            if (expected > before) claim(provider, told);
            eq(gained(provider), expected > before ? expected : before, "paid");
        }
        isTrue(ledger().paid <= ledger().total, "paid within total");
    }
}

contract SettlementFraudTest is BatchSetup {
    mapping(uint32 epoch => bytes32[]) private trees;

    function setUp() public override {
        super.setUp();
        collect(100 * QUIV);
    }

    function leafOf(uint256 index, Receipt memory receipt, bytes memory signature) private view returns (bytes32) {
        return settlement.receiptLeaf(index, settlement.receiptDigest(receipt), signature);
    }

    function add(uint32 epoch, Receipt memory receipt, bytes memory signature) private {
        trees[epoch].push(leafOf(trees[epoch].length, receipt, signature));
    }

    function submitTree(uint32 epoch) private {
        uint256 total = epoch * QUIV;
        submit(
            QUIVerSettlement.Batch(
                settlement.payoutLeaf(provider, total),
                rootOf(trees[epoch]),
                uint96(total),
                uint32(trees[epoch].length),
                epoch
            )
        );
    }

    function evidence(uint32 epoch, uint256 index, Receipt memory receipt, bytes memory signature)
        private
        view
        returns (QUIVerSettlement.Evidence memory)
    {
        return QUIVerSettlement.Evidence(epoch, index, receipt, signature, proofOf(trees[epoch], index));
    }

    function good(uint64 nonce) private view returns (Receipt memory receipt, bytes memory signature) {
        receipt = receiptOf(provider, id, nonce);
        signature = signReceipt(PROVIDER_KEY, receipt);
    }

    function addGood(uint32 epoch, uint64 nonce) private {
        (Receipt memory receipt, bytes memory signature) = good(nonce);
        add(epoch, receipt, signature);
    }

    function submitBad(bytes memory signature) private returns (QUIVerSettlement.Evidence memory) {
        addGood(1, 1);
        Receipt memory receipt = receiptOf(provider, id, 2);
        add(1, receipt, signature);
        addGood(1, 3);
        submitTree(1);
        return evidence(1, 1, receipt, signature);
    }

    function test_a_receipt_that_its_provider_did_not_sign_costs_the_bond() public {
        QUIVerSettlement.Evidence memory bad = submitBad(signReceipt(OTHER_KEY, receiptOf(provider, id, 2)));
        uint256 supply = token.totalSupply();
        vm.expectEmit(address(settlement));
        emit QUIVerSettlement.RootDisabled(aggregator, 1, QUIV);
        vm.expectEmit(address(settlement));
        emit QUIVerSettlement.Slashed(aggregator, 1, stranger, MINIMUM_BOND / 2, MINIMUM_BOND / 2);
        vm.prank(stranger);
        settlement.proveBadSignature(aggregator, bad);
        eq(token.balanceOf(stranger), MINIMUM_BOND / 2, "half to the reporter");
        eq(supply - token.totalSupply(), MINIMUM_BOND / 2, "half burned");
        eq(ledger().bond, 0, "bond");
        eq(ledger().credit, 100 * QUIV, "the waiting root is discarded");
        vm.prank(aggregator);
        vm.expectRevert(abi.encodeWithSelector(QUIVerSettlement.NotBonded.selector, 0, MINIMUM_BOND));
        settlement.submitBatch(batch(SOME_ROOT, 2 * QUIV, 2));
    }

    function test_the_odd_unit_of_a_bond_is_burned() public {
        bond(aggregator, 1);
        QUIVerSettlement.Evidence memory bad = submitBad("");
        vm.prank(stranger);
        settlement.proveBadSignature(aggregator, bad);
        eq(token.balanceOf(stranger), MINIMUM_BOND / 2, "reporter");
        eq(token.totalSupply(), 1_000_000_000 * QUIV - MINIMUM_BOND / 2 - 1, "burned");
    }

    function test_a_signature_of_another_length_is_bad() public {
        bytes memory signature = signReceipt(PROVIDER_KEY, receiptOf(provider, id, 2));
        QUIVerSettlement.Evidence memory bad = submitBad(abi.encodePacked(signature, hex"00"));
        settlement.proveBadSignature(aggregator, bad);
    }

    /// @dev libsecp256k1 would recover the right key from it.
    function test_Bug08_a_high_s_receipt_is_bad() public {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(PROVIDER_KEY, settlement.receiptDigest(receiptOf(provider, id, 2)));
        bytes memory signature = abi.encodePacked(r, CURVE_ORDER - uint256(s), v == 27 ? 28 : 27);
        settlement.proveBadSignature(aggregator, submitBad(signature));
    }

    function test_a_receipt_for_the_zero_address_is_bad() public {
        Receipt memory receipt = receiptOf(address(0), id, 2);
        add(1, receipt, "");
        submitTree(1);
        settlement.proveBadSignature(aggregator, evidence(1, 0, receipt, ""));
    }

    function test_Bug13_a_good_receipt_proves_nothing() public {
        (, bytes memory signature) = good(2);
        QUIVerSettlement.Evidence memory fine = submitBad(signature);
        vm.expectRevert(QUIVerSettlement.ValidSignature.selector);
        settlement.proveBadSignature(aggregator, fine);
        vm.expectRevert(QUIVerSettlement.NotDuplicate.selector);
        settlement.proveDuplicate(aggregator, fine, fine);
        QUIVerSettlement.Evidence memory next = evidenceGood(1, 2, 3);
        vm.expectRevert(QUIVerSettlement.NotDuplicate.selector);
        settlement.proveDuplicate(aggregator, fine, next);
    }

    function evidenceGood(uint32 epoch, uint256 index, uint64 nonce)
        private
        view
        returns (QUIVerSettlement.Evidence memory)
    {
        (Receipt memory receipt, bytes memory signature) = good(nonce);
        return evidence(epoch, index, receipt, signature);
    }

    /// @dev Nobody makes evidence of what the aggregator did not commit to.
    function test_Bug13_evidence_that_is_not_in_the_tree_proves_nothing() public {
        QUIVerSettlement.Evidence memory bad = submitBad(hex"00");
        bad.signature = hex"01";
        vm.expectRevert(QUIVerSettlement.InvalidProof.selector);
        settlement.proveBadSignature(aggregator, bad);
        bad.signature = hex"00";
        bad.index = 0;
        vm.expectRevert(QUIVerSettlement.InvalidProof.selector);
        settlement.proveBadSignature(aggregator, bad);
        bad.index = 1;
        bad.receipt.cost += 1;
        vm.expectRevert(QUIVerSettlement.InvalidProof.selector);
        settlement.proveBadSignature(aggregator, bad);
        bad.receipt.cost -= 1;
        bad.epoch = 2;
        vm.expectRevert(abi.encodeWithSelector(QUIVerSettlement.UnknownBatch.selector, aggregator, 2));
        settlement.proveBadSignature(aggregator, bad);
        bad.epoch = 0;
        vm.expectRevert(abi.encodeWithSelector(QUIVerSettlement.UnknownBatch.selector, aggregator, 0));
        settlement.proveBadSignature(aggregator, bad);
        bad.epoch = 1;
        vm.expectRevert(abi.encodeWithSelector(QUIVerSettlement.UnknownBatch.selector, stranger, 1));
        settlement.proveBadSignature(stranger, bad);
        settlement.proveBadSignature(aggregator, bad);
    }

    function test_Bug13_a_batch_is_slashed_once() public {
        QUIVerSettlement.Evidence memory bad = submitBad(hex"00");
        settlement.proveBadSignature(aggregator, bad);
        eq(settlement.receiptsRootOf(aggregator, 1), bytes32(0), "forgotten");
        bond(aggregator, MINIMUM_BOND);
        vm.expectRevert(abi.encodeWithSelector(QUIVerSettlement.UnknownBatch.selector, aggregator, 1));
        settlement.proveBadSignature(aggregator, bad);
    }

    function test_Bug13_a_new_lie_is_slashed_again() public {
        settlement.proveBadSignature(aggregator, submitBad(hex"00"));
        bond(aggregator, MINIMUM_BOND);
        Receipt memory receipt = receiptOf(provider, id, 9);
        add(2, receipt, hex"00");
        submitTree(2);
        settlement.proveBadSignature(aggregator, evidence(2, 0, receipt, hex"00"));
        eq(ledger().bond, 0, "bond");
    }

    function test_two_receipts_for_one_nonce_cost_the_bond() public {
        addGood(1, 7);
        Receipt memory second = receiptOf(provider, id, 7);
        second.tokensOut += 1;
        bytes memory signature = signReceipt(PROVIDER_KEY, second);
        add(1, second, signature);
        submitTree(1);
        activate();
        QUIVerSettlement.Evidence memory first = evidenceGood(1, 0, 7);
        vm.prank(stranger);
        settlement.proveDuplicate(aggregator, first, evidence(1, 1, second, signature));
        eq(token.balanceOf(stranger), MINIMUM_BOND / 2, "reporter");
        claim(provider, QUIV);
    }

    function test_the_same_receipt_twice_in_one_batch_is_a_duplicate() public {
        addGood(1, 7);
        addGood(1, 7);
        submitTree(1);
        settlement.proveDuplicate(aggregator, evidenceGood(1, 1, 7), evidenceGood(1, 0, 7));
        eq(ledger().bond, 0, "bond");
    }

    function test_the_same_receipt_in_two_batches_is_a_duplicate() public {
        addGood(1, 7);
        submitTree(1);
        activate();
        addGood(2, 7);
        submitTree(2);
        settlement.proveDuplicate(aggregator, evidenceGood(2, 0, 7), evidenceGood(1, 0, 7));
        eq(settlement.receiptsRootOf(aggregator, 2), bytes32(0), "the later batch is the false one");
        isTrue(settlement.receiptsRootOf(aggregator, 1) != 0, "the earlier one stays");
        eq(ledger().credit, 99 * QUIV, "the waiting root is discarded");
    }

    function test_one_nonce_in_two_channels_is_no_duplicate() public {
        addGood(1, 7);
        Receipt memory second = receiptOf(provider, keccak256("another channel"), 7);
        bytes memory signature = signReceipt(PROVIDER_KEY, second);
        add(1, second, signature);
        submitTree(1);
        QUIVerSettlement.Evidence memory first = evidenceGood(1, 0, 7);
        vm.expectRevert(QUIVerSettlement.NotDuplicate.selector);
        settlement.proveDuplicate(aggregator, first, evidence(1, 1, second, signature));
    }

    function test_fraud_can_be_proved_while_eight_batches_go_by() public {
        Receipt memory bad = receiptOf(provider, id, 1);
        add(1, bad, hex"00");
        submitTree(1);
        for (uint32 epoch = 2; epoch <= 8; ++epoch) {
            activate();
            addGood(epoch, epoch);
            submitTree(epoch);
        }
        uint256 state = vm.snapshotState();
        settlement.proveBadSignature(aggregator, evidence(1, 0, bad, hex"00"));
        vm.revertToState(state);
        activate();
        addGood(9, 9);
        submitTree(9);
        vm.expectRevert(abi.encodeWithSelector(QUIVerSettlement.UnknownBatch.selector, aggregator, 1));
        settlement.proveBadSignature(aggregator, evidence(1, 0, bad, hex"00"));
    }

    /// @dev A bond that is leaving can still be slashed; one that left, or was slashed, is gone.
    function test_Bug11_leaving_does_not_outrun_a_proof() public {
        QUIVerSettlement.Evidence memory bad = submitBad(hex"00");
        submitAll();
        vm.prank(aggregator);
        settlement.requestExit();
        vm.warp(this.time() + 7 days - 1);
        vm.prank(stranger);
        settlement.proveBadSignature(aggregator, bad);
        vm.prank(aggregator);
        vm.expectRevert(QUIVerSettlement.NotLeaving.selector);
        settlement.withdrawBond();
        eq(token.balanceOf(stranger), MINIMUM_BOND / 2, "reporter");
    }

    /// @dev Puts the rest of the credit into a second batch.
    function submitAll() private {
        activate();
        addGood(2, 20);
        submit(
            QUIVerSettlement.Batch(
                settlement.payoutLeaf(provider, 100 * QUIV), rootOf(trees[2]), uint96(100 * QUIV), 1, 2
            )
        );
    }

    function test_nothing_is_slashed_twice_over_two_batches() public {
        QUIVerSettlement.Evidence memory bad = submitBad(hex"00");
        activate();
        Receipt memory second = receiptOf(provider, id, 9);
        add(2, second, hex"00");
        submitTree(2);
        settlement.proveBadSignature(aggregator, bad);
        vm.expectRevert(abi.encodeWithSelector(QUIVerSettlement.NotBonded.selector, 0, MINIMUM_BOND));
        settlement.proveBadSignature(aggregator, evidence(2, 0, second, hex"00"));
    }

    function test_the_credit_of_a_slashed_aggregator_is_settled_by_another() public {
        bond(other, MINIMUM_BOND);
        settlement.proveBadSignature(aggregator, submitBad(hex"00"));
        settlement.reassignCredit(aggregator, other);
        eq(settlement.ledgerOf(other).credit, 100 * QUIV, "credit");
    }

    function test_a_disabled_root_can_still_be_proved_false() public {
        QUIVerSettlement.Evidence memory bad = submitBad(hex"00");
        vm.prank(guardian);
        settlement.disableRoot(aggregator, 1);
        // Disabling suspends; the timelock, not knowing of the lie yet, lets it go on.
        settlement.reassignCredit(aggregator, aggregator);
        addGood(2, 20);
        submit(
            QUIVerSettlement.Batch(settlement.payoutLeaf(provider, QUIV), rootOf(trees[2]), uint96(QUIV), 1, 2)
        );
        settlement.proveBadSignature(aggregator, bad);
        eq(ledger().bond, 0, "bond");
    }
}
